package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// harness is two tenants with rows, and connections to reach them.
type harness struct {
	kit    *kit
	driver *pgtenant.Driver
	raw    *session
	tables []*table // those that have rows

	attacker, victim *tenant
}

type tenant struct {
	id tenancy.ID
	// rows are by table, the target first.
	rows map[string][]Row
	// kept and spare are rows as JSON, by table: the target, and a valid row that was deleted.
	kept, spare map[string]string
	ctid        map[string]string
	digests     map[string]string
	// secrets are values that occur in no other row.
	secrets []string
}

// The numbers of rows differ, so that counts identify the tenant.
const (
	attackerRows = 1
	victimRows   = 3
)

func (k *kit) newHarness(ctx context.Context, entities ...Entity) (h *harness, err error) {
	h = &harness{kit: k}
	if h.raw, err = login(ctx, k.target.DSN); err != nil {
		return nil, err
	}
	if h.driver, err = k.open(ctx, pgtenant.WithMaxConns(harnessConns)); err != nil {
		return nil, err
	}
	for _, tb := range k.tables {
		if slices.ContainsFunc(entities, func(e Entity) bool { return e.Table == tb.Name }) {
			h.tables = append(h.tables, tb)
		}
	}
	if h.attacker, err = h.populate(ctx, entities, attackerRows); err != nil {
		return nil, err
	}
	if h.victim, err = h.populate(ctx, entities, victimRows); err != nil {
		return nil, err
	}
	a, b := h.attacker.secrets, h.victim.secrets
	h.attacker.secrets, h.victim.secrets = difference(a, b), difference(b, a)
	return h, nil
}

func (h *harness) close(ctx context.Context) {
	h.raw.close(ctx)
	_ = h.driver.Close()
}

func (h *harness) populate(ctx context.Context, entities []Entity, n int) (*tenant, error) {
	id, err := h.kit.target.Tenant(ctx)
	if err != nil {
		return nil, fmt.Errorf("create a tenant: %w", err)
	}
	p := &tenant{
		id: id, rows: map[string][]Row{}, kept: map[string]string{}, spare: map[string]string{},
		ctid: map[string]string{}, digests: map[string]string{},
	}
	for _, e := range entities {
		if err := h.createRows(ctx, p, e, n); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	for _, tb := range h.tables {
		if err := h.readRows(ctx, p, tb); err != nil {
			return nil, fmt.Errorf("%s: %w", tb.Name, err)
		}
	}
	return p, nil
}

// createRows creates an entity's rows, and one that it deletes after saving it as JSON.
func (h *harness) createRows(ctx context.Context, p *tenant, e Entity, n int) error {
	for range n + 1 {
		canary := newCanary()
		id, err := e.Create(tenancy.With(ctx, p.id), canary)
		if err != nil {
			return fmt.Errorf("create: %w", err)
		}
		p.rows[e.Table] = append(p.rows[e.Table], Row{Tenant: p.id.String(), ID: id, Canary: canary})
	}
	tb := h.kit.table(e.Table)
	if tb == nil {
		return fmt.Errorf("no table %s with a %s", e.Table, tenantColumn)
	}
	last := p.rows[e.Table][n]
	p.rows[e.Table] = p.rows[e.Table][:n]
	image, err := h.only(ctx, p.id, "select to_jsonb(t.*) from "+tb.SQL+" t where "+tb.Key+" = "+rls.Literal(last.ID))
	if err != nil {
		return fmt.Errorf("create returned an id that its tenant cannot read: %w", err)
	}
	p.spare[e.Table] = image[0]
	if n, err := e.Delete(tenancy.With(ctx, p.id), last.ID); err != nil || n != 1 {
		return fmt.Errorf("delete of a new row: %d rows, %w", n, orNone(err))
	}
	return nil
}

func (h *harness) readRows(ctx context.Context, p *tenant, tb *table) error {
	aim, err := h.only(ctx, p.id,
		"select to_jsonb(t.*), ctid from "+tb.SQL+" t where "+tb.Key+" = "+rls.Literal(p.rows[tb.Name][0].ID))
	if err != nil {
		return err
	}
	p.kept[tb.Name], p.ctid[tb.Name] = aim[0], aim[1]
	all, err := h.only(ctx, p.id, "select jsonb_agg(to_jsonb(t.*)) from "+tb.SQL+" t")
	if err != nil {
		return err
	}
	p.secrets = append(p.secrets, secretsIn(all[0])...)
	p.digests[tb.Name], err = h.digest(ctx, p.id, tb)
	return err
}

func (h *harness) only(ctx context.Context, id tenancy.ID, sql string) ([]string, error) {
	a := h.raw.run(ctx, id, sql)
	if a.err != nil {
		return nil, a.err
	}
	if len(a.rows) != 1 {
		return nil, fmt.Errorf("%d rows instead of one", len(a.rows))
	}
	return a.rows[0], nil
}

func digestOf(tb *table) string {
	return "select count(*), md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) from " + tb.SQL + " t"
}

func (h *harness) digest(ctx context.Context, id tenancy.ID, tb *table) (string, error) {
	row, err := h.only(ctx, id, digestOf(tb))
	return strings.Join(row, " "), err
}

func (h *harness) intact(ctx context.Context) error {
	for _, tb := range h.tables {
		digest, err := h.digest(ctx, h.victim.id, tb)
		if err != nil {
			return err
		}
		if digest != h.victim.digests[tb.Name] {
			return fmt.Errorf("%s: another tenant's rows were changed", tb.Name)
		}
	}
	return nil
}

// spell replaces the names in braces with quoted literals and identifiers. {own} is the caller's tenant, or else the
// attacker's.
func (h *harness) spell(sql string, tb *table, caller tenancy.ID) string {
	mine := h.attacker
	if caller == h.victim.id {
		mine = h.victim
	}
	pairs := []string{"{own}", rls.Literal(mine.id.String()), "{victim}", rls.Literal(h.victim.id.String())}
	if tb != nil {
		pairs = append(
			pairs,
			"{table}", tb.SQL, "{key}", tb.Key, "{columns}", tb.columnList(""), "{s.columns}", tb.columnList("s."),
			"{id}", rls.Literal(h.victim.rows[tb.Name][0].ID), "{ctid}", rls.Literal(h.victim.ctid[tb.Name]),
			"{name}", rls.Literal(tb.Name),
			"{kept}", rls.Literal(h.victim.kept[tb.Name])+"::jsonb",
			"{spare}", rls.Literal(h.victim.spare[tb.Name])+"::jsonb",
			"{mine}", rls.Literal(mine.spare[tb.Name])+"::jsonb", "{ownid}", rls.Literal(mine.rows[tb.Name][0].ID),
		)
	}
	return strings.NewReplacer(pairs...).Replace(sql)
}

// insert is an INSERT of a row's image: a name in braces, or a jsonb expression.
func insert(image string) string {
	return "insert into {table} ({columns}) select {columns} from jsonb_populate_record(null::{table}, " + image + ")"
}

// leaks returns an error if a text contains one of the tenant's secrets that the attacker did not submit.
func (p *tenant) leaks(text, given string) error {
	for _, secret := range p.secrets {
		if strings.Contains(text, secret) && !strings.Contains(given, secret) {
			return fmt.Errorf("another tenant's value was returned: %q", secret)
		}
	}
	return nil
}

var (
	uuidForm   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	canaryForm = regexp.MustCompile(`canary[0-9a-z]+`)
)

// secretsIn collects the distinctive texts of rows: canaries and ids.
func secretsIn(rows string) []string {
	var value any
	if err := json.Unmarshal([]byte(rows), &value); err != nil {
		return nil
	}
	var secrets []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if uuidForm.MatchString(v) {
				secrets = append(secrets, v)
			}
			secrets = append(secrets, canaryForm.FindAllString(v, -1)...)
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(value)
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

func difference(of, without []string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(s string) bool { return slices.Contains(without, s) })
}
