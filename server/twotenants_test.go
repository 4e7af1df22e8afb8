package server_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// company is a tenant with a row of each kind, whose texts have a word of its own.
type company struct {
	path, word string
	owner      person
	objects    map[string]string // ids by path parameter
}

func (b *testBundle) found(t *testing.T, word string) company {
	t.Helper()
	c := company{path: b.createTenant(t, word), word: word}
	c.owner = b.hire(t, c.path, "owner")
	b.exec(t, `UPDATE portal_users SET name = $1, email = $1 || '-owner@example.com' WHERE id = $2`, word, c.owner.id)
	agent, _ := b.create(t, c.path+"/agents", object{"name": word})
	connection, _ := b.connect(t, c.path, strings.ToUpper(word))
	invitation, _ := c.owner.invite(t, c.path, word+"-invited@example.com", "viewer")
	c.objects = map[string]string{
		"agent_id": idText(agent), "connection_id": idText(connection), "invitation_id": idText(invitation), "user_id": c.owner.id,
	}
	return c
}

// TestTwoTenants: an owner of one tenant reaches nothing of another one: not by its path, not by its ids under the own
// path, not by filters. Cursors are in TestCursorsAreBound.
func TestTwoTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	own, other := b.found(t, "aardvark"), b.found(t, "buffalo")
	foreign := map[string]string{"actor_id": other.owner.id, "object_id": other.objects["agent_id"], "q": other.word}
	before := b.tenantRows(t, other)
	read, refused, filtered := 0, 0, 0
	operations(t, func(method, path string, op *openapi3.Operation) {
		suffix, found := strings.CutPrefix(path, "/v1/tenants/{tenant_id}")
		if !found || accessOf(t, op) == "platform_admin" {
			return
		}
		do := func(path string) response {
			return own.owner.do(t, method, path, exampleOf(op), "If-Match", "*")
		}
		do(other.path + other.fill(suffix)).is(404)
		do(other.path + own.fill(suffix)).is(404)
		if strings.Contains(suffix, "{") {
			do(own.path + other.fill(suffix)).is(404)
			refused++
		}
		if method != http.MethodGet {
			return
		}
		read++
		path = own.path + own.fill(suffix)
		requireNothingOf(t, other, do(path))
		for name, value := range foreign {
			if op.Parameters.GetByInAndName("query", name) != nil {
				requireNothingOf(t, other, do(path+"?"+name+"="+value))
				filtered++
			}
		}
	})
	require.GreaterOrEqual(t, read, 9)
	require.GreaterOrEqual(t, refused, 9)
	require.GreaterOrEqual(t, filtered, 6)
	require.Equal(t, before, b.tenantRows(t, other), "nothing was changed")

	words := own.owner.get(t, own.path+"/agents?q="+own.word).items()
	require.Len(t, words, 1, "the filter finds own rows")
}

// fill replaces the path parameters by ids of the company.
func (c company) fill(path string) string {
	for name, id := range c.objects {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	return path
}

func exampleOf(op *openapi3.Operation) any {
	if op.RequestBody == nil {
		return nil
	}
	return op.RequestBody.Value.Content["application/json"].Example
}

// requireNothingOf checks that a successful response has nothing of a company.
func requireNothingOf(t *testing.T, c company, got response) {
	t.Helper()
	got.is(200)
	for _, text := range append(slices.Collect(maps.Values(c.objects)), idText(c.path), c.word, strings.ToUpper(c.word)) {
		require.NotContains(t, got.body, text, got)
	}
}

// tenantRows returns all rows of a company in the tables of tenants.
func (b *testBundle) tenantRows(t *testing.T, c company) (rows []string) {
	t.Helper()
	for _, table := range b.tenantTables(t) {
		rows = append(rows, b.queryTexts(t, `SELECT to_jsonb(r)::text FROM `+table+` r WHERE tenant_id = $1 ORDER BY 1`, idText(c.path))...)
	}
	return rows
}
