package doctor

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed snapshot/*.sql
var sections embed.FS

// snapshot is what one statement read. Each field is a file in snapshot/, each of the field's columns one of the file's.
type snapshot struct {
	Server        []server       `json:"server"`
	Roles         []role         `json:"roles"`
	Memberships   []membership   `json:"memberships"`
	Owned         []owned        `json:"owned"`
	Settings      []preset       `json:"settings"`
	Relations     []relation     `json:"relations"`
	Children      []child        `json:"children"`
	Policies      []policy       `json:"policies"`
	ForeignKeys   []foreignKey   `json:"foreign_keys"`
	UniqueKeys    []uniqueKey    `json:"unique_keys"`
	Numbered      []numbered     `json:"numbered"`
	Triggers      []trigger      `json:"triggers"`
	Functions     []function     `json:"functions"`
	Grants        []grant        `json:"grants"`
	SystemGrants  []systemGrant  `json:"system_grants"`
	DefaultGrants []defaultGrant `json:"default_grants"`
	Outside       []outside      `json:"outside"`
}

func (s snapshot) server() server { return s.Server[0] }

// take reads a snapshot in one round trip.
func take(ctx context.Context, q Querier, cat Catalogue) (snapshot, error) {
	stmt, err := statement()
	if err != nil {
		return snapshot{}, err
	}
	rows, err := q.Query(ctx, stmt, cat.AppRole, slices.Concat([]string{}, cat.Schemas), cat.TenantColumn, cat.Setting, cat.roles(),
		cat.OwnerRole)
	if err != nil {
		return snapshot{}, err
	}
	raw, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if err != nil {
		return snapshot{}, err
	}
	var s snapshot
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return snapshot{}, err
	}
	if len(s.Server) != 1 {
		return snapshot{}, errors.New("the server did not tell its version")
	}
	return s, nil
}

// statement puts the sections together: the head, and then one JSON object with a list for each of the others.
func statement() (string, error) {
	files, err := fs.Glob(sections, "snapshot/*.sql")
	if err != nil {
		return "", err
	}
	var head string
	lists := make([]string, 0, len(files))
	for _, file := range files {
		body, err := fs.ReadFile(sections, file)
		if err != nil {
			return "", err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, "snapshot/"), ".sql")
		if name == "head" {
			head = string(body)
			continue
		}
		lists = append(lists, fmt.Sprintf("'%s', (SELECT coalesce(jsonb_agg(to_jsonb(x)), '[]') FROM (\n%s) AS x)", name, body))
	}
	return head + "SELECT jsonb_build_object(\n" + strings.Join(lists, ",\n") + ")::text", nil
}

// roles are all those that isolation rests on.
func (c Catalogue) roles() []string {
	out := []string{c.AppRole, c.OwnerRole}
	for _, d := range c.Definers {
		out = append(out, d.Owner)
	}
	if c.ResolverRole != "" {
		out = append(out, c.ResolverRole)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
