package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// walk gets all pages of a list and returns the ids of the items. Between is called after each page but the last.
func (c client) walk(t *testing.T, path string, query url.Values, between func()) (ids []string) {
	t.Helper()
	query = maps.Clone(query)
	for {
		page := c.get(t, path+"?"+query.Encode())
		for _, item := range page.items() {
			ids = append(ids, item["id"].(string))
		}
		cursor, more := page.at("next_cursor").(string)
		if !more {
			return ids
		}
		require.LessOrEqual(t, len(cursor), 1110, "the maximum length of the parameter")
		require.Less(t, len(ids), 1000, "the walk does not end")
		query.Set("cursor", cursor)
		between()
	}
}

func (b *testBundle) queryTexts(t *testing.T, sql string, args ...any) (texts []string) {
	t.Helper()
	require.NoError(t, b.super.QueryRow(t.Context(), `SELECT coalesce(array_agg(x::text ORDER BY n), '{}') FROM (
		SELECT x, row_number() OVER () AS n FROM (`+sql+`) AS found (x)) AS numbered`, args...).Scan(&texts))
	return texts
}

// insertAgents adds n agents with few different names, roles and times, so that many are equal.
func (b *testBundle) insertAgents(t *testing.T, tenant string, random *rand.Rand, n int) {
	t.Helper()
	words := []string{
		"a", "A", "b", "B", "Ä", "ä", "z", "Zoë", "日本", "👩‍🚀", "50%", "a_b", `a\b`, " a", "-a", "straße", "ﬁ",
		strings.Repeat("🜁", 200), strings.Repeat("🜁", 199) + "b", strings.Repeat("x", 201), strings.Repeat("x", 202),
	}
	pick := func() string { return words[random.IntN(len(words))] }
	for range n {
		b.exec(t, `INSERT INTO agents (id, tenant_id, name, role, is_active, updated_at)
			VALUES ($1, $2, $3, $4, $5, timestamptz '2026-01-01' + make_interval(secs => $6))`,
			uuid.Must(uuid.NewV7()), idText(tenant), pick(), pick(), random.IntN(2) == 0, float64(random.IntN(4))/1e6)
	}
}

// TestWalks: a list is complete and in order, whatever its sort, search, filter and page size.
func TestWalks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tenant := b.createTenant(t, "acme")
	random := rand.New(rand.NewPCG(seed, 0))
	b.insertAgents(t, tenant, random, 40)
	b.insertAgents(t, b.createTenant(t, "other"), random, 10)

	conditions := map[string]string{ // by query
		"":                   "true",
		"is_active=false":    "NOT is_active",
		"is_active=true":     "is_active",
		"q=a":                "(name ILIKE '%a%' OR role ILIKE '%a%')",
		"q=A&is_active=":     "(name ILIKE '%a%' OR role ILIKE '%a%')",
		"q=%25":              "(position('%' IN name) > 0 OR position('%' IN role) > 0)",
		"q=a_b":              "(position('a_b' IN name) > 0 OR position('a_b' IN role) > 0)",
		`q=\`:                `(position('\' IN name) > 0 OR position('\' IN role) > 0)`,
		"q=本&is_active=true": "(position('本' IN name) > 0 OR position('本' IN role) > 0) AND is_active",
		"q=nothing":          "false",
	}
	orders := map[string]string{
		"": "id", "created_at": "id", "-created_at": "id DESC",
		"name": "left(name, 200), id", "-name": "left(name, 200) DESC, id DESC",
		"updated_at": "updated_at, id", "-updated_at": "updated_at DESC, id DESC",
	}
	for text, condition := range conditions {
		for sort, order := range orders {
			want := b.queryTexts(t, `SELECT id FROM agents WHERE tenant_id = $1 AND `+condition+` ORDER BY `+order, idText(tenant))
			for _, limit := range []int{1, 2, 3, 5, 7, 200} {
				query, err := url.ParseQuery(text)
				require.NoError(t, err)
				if sort != "" {
					query.Set("sort", sort)
				}
				query.Set("limit", strconv.Itoa(limit))
				require.Equal(t, append([]string{}, want...), append([]string{}, b.admin.walk(t, tenant+"/agents", query, func() {})...),
					"%s sorted by %q, %d a page", text, sort, limit)
			}
		}
	}
}

// TestWalksDuringChanges: rows that do not change are listed once, in order, while others come, go and move.
func TestWalksDuringChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, sort := range []string{"created_at", "-created_at", "name", "-name", "updated_at", "-updated_at"} {
		b.exec(t, `DELETE FROM agents`)
		b.insertAgents(t, tenant, random, 30)
		b.exec(t, `UPDATE agents SET role = CASE WHEN id IN (SELECT id FROM agents ORDER BY random() LIMIT 15) THEN 'changes' ELSE 'stays' END`)
		walked := b.admin.walk(t, tenant+"/agents", url.Values{"sort": {sort}, "limit": {"4"}}, func() {
			b.insertAgents(t, tenant, random, 1)
			b.exec(t, `DELETE FROM agents WHERE id = (SELECT id FROM agents WHERE role = 'changes' ORDER BY random() LIMIT 1)`)
			b.exec(t, `UPDATE agents SET name = role || random(), updated_at = now()
				WHERE id = (SELECT id FROM agents WHERE role = 'changes' ORDER BY random() LIMIT 1)`)
		})
		order := map[bool]string{true: " DESC", false: ""}[sort[0] == '-']
		column := map[string]string{"created_at": "id", "name": "left(name, 200)", "updated_at": "updated_at"}[strings.TrimPrefix(sort, "-")]
		stays := b.queryTexts(t, `SELECT id FROM agents WHERE role = 'stays' ORDER BY `+column+order+`, id`+order)
		require.Len(t, stays, 15)
		walked = slices.DeleteFunc(walked, func(id string) bool { return !slices.Contains(stays, id) })
		require.Equal(t, stays, walked, sort)
	}
}

// TestCursorsAreBound: a cursor is valid for the list, sort, search and filters that it was issued for.
func TestCursorsAreBound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	for range 3 {
		b.createAgent(t, tenant)
		b.createAgent(t, other)
	}
	queries := []string{
		"", "sort=-created_at", "sort=name", "sort=-name", "sort=updated_at", "q=m", "q=M", "q=mar", "is_active=true", "q=m&is_active=true",
		"sort=name&q=m",
	}
	for _, issued := range queries {
		cursor := b.admin.get(t, tenant+"/agents?limit=2&"+issued).is(200).at("next_cursor").(string)
		for _, used := range queries {
			got := b.admin.get(t, tenant+"/agents?limit=1&cursor="+cursor+"&"+used)
			if used == issued {
				require.Len(t, got.items(), 1)
			} else {
				got.invalid("query.cursor")
			}
			b.admin.get(t, other+"/agents?limit=1&cursor="+cursor+"&"+used).invalid("query.cursor")
		}
	}
	cursor := b.admin.get(t, tenant+"/agents?limit=2").at("next_cursor").(string)
	b.admin.get(t, tenant+"/agents?sort=created_at&cursor="+cursor).is(200) // the default
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, beta := b.createTenant(t, "acme"), b.createTenant(t, "beta")
	b.admin.patch(t, beta, "*", `{"status": "suspended"}`).is(200)
	slack, _ := b.connect(t, acme, "T0A")
	b.admin.patch(t, slack, "*", `{"status": "revoked"}`).is(200)
	b.create(t, acme+"/channel-connections", object{"channel_type": "whatsapp", "workspace_id": "W0A"})
	mara, _ := b.create(t, acme+"/agents", object{"name": "Mara", "role": "Support", "is_active": false})
	b.create(t, acme+"/agents", object{"name": "Noor", "role": "Sales"})

	for path, want := range map[string][]string{
		"/v1/tenants?q=CM":                                                   {acme},
		"/v1/tenants?status=suspended":                                       {beta},
		"/v1/tenants?sort=-name":                                             {beta, acme},
		"/v1/tenants?sort=-name&status=active":                               {acme},
		acme + "/channel-connections?channel_type=slack":                     {slack},
		acme + "/channel-connections?status=revoked":                         {slack},
		acme + "/channel-connections?status=revoked&channel_type=mattermost": nil,
		acme + "/channel-connections?q=t0":                                   {slack},
		acme + "/agents?q=port":                                              {mara},
		acme + "/agents?is_active=false":                                     {mara},
		acme + "/agents?q=sales&is_active=false":                             nil,
		acme + "/agents?q=":                                                  b.paths(t, acme+"/agents"),
	} {
		require.Equal(t, want, b.paths(t, path), path)
	}
	require.Len(t, b.paths(t, acme+"/agents"), 2)

	for path, want := range map[string]string{
		acme + "/agents?q=%00":                         "query.q character",
		acme + "/agents?q=%ff":                         "query.q character",
		acme + "/agents?q=" + strings.Repeat("é", 101): "query.q too_long",
		acme + "/agents?sort=persona":                  "query.sort choice",
		acme + "/agents?sort=--name":                   "query.sort choice",
		acme + "/agents?is_active=maybe":               "query.is_active type",
		acme + "/agents?status=active":                 "query.status unknown",
		acme + "/agents?sort=name&sort=-name":          "query.sort repeated",
		acme + "/channel-connections?status=x":         "query.status choice",
		"/v1/tenants?sort=slug":                        "query.sort choice",
	} {
		got := b.admin.get(t, path).is(422)
		require.Equal(t, want, fmt.Sprint(got.at("errors", 0, "field"), " ", got.at("errors", 0, "code")), path)
	}
	b.admin.get(t, acme+"/agents?q="+url.QueryEscape(strings.Repeat("é", 100))).is(200)
}

// paths returns the paths of a list's items.
func (b *testBundle) paths(t *testing.T, list string) (paths []string) {
	t.Helper()
	path, _, _ := strings.Cut(list, "?")
	for _, item := range b.admin.get(t, list).items() {
		paths = append(paths, path+"/"+item["id"].(string))
	}
	return paths
}
