package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestChangesAreAudited: one event for each change, and none for reads and rejected changes.
func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	me := b.admin.get(t, "/v1/me").at("user", "id")
	all := b.createAll(t)
	for _, r := range slices.Backward(all[1:]) {
		const requestID = "0123456789abcdef"
		b.admin.do(t, "PATCH", r.path, r.update, "If-Match", r.etag, "X-Request-Id", requestID).is(200)
		b.admin.get(t, r.path).is(200)
		b.admin.patch(t, r.path, r.etag, r.update).is(412)
		b.admin.delete(t, r.path).is(204)

		var actions []any
		for _, event := range b.events(t, "audit_events") {
			if event["object_id"] != idText(r.path) {
				continue
			}
			require.Subset(t, event, object{"actor_id": me, "tenant_id": idText(all[0].path), "object_type": r.kind})
			actions = append(actions, event["action"])
			if len(actions) == 2 {
				require.Equal(t, requestID, event["request_id"])
				require.NotEmpty(t, event["details"].(object)["fields"])
			}
		}
		name := strings.ReplaceAll(r.kind, "_", "-")
		require.Equal(t, []any{"create-" + name, "update-" + name, "delete-" + name}, actions)
	}
	created := b.events(t, "platform_audit_events")
	require.Len(t, created, 1)
	require.Subset(t, created[0], object{"action": "create-tenant", "object_id": idText(all[0].path), "actor_id": me})
}

// TestEventAndChangeAreOneTransaction: without its event, nothing is changed.
func TestEventAndChangeAreOneTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.admin.get(t, tenant).is(200) // the entry is recorded
	b.exec(t, `REVOKE INSERT ON audit_events FROM konstruct_app`)
	b.admin.post(t, tenant+"/agents", `{"name": "Mara"}`).is(500)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM agents`))
}

// events returns the rows of a table by id, without events of logins.
func (b *testBundle) events(t *testing.T, table string) []object {
	t.Helper()
	return b.rowsOf(t, table, `to_jsonb(r)->>'action' IS DISTINCT FROM 'login'`)
}

// rowsOf returns the rows r of a table that match a condition, by id.
func (b *testBundle) rowsOf(t *testing.T, table, condition string, args ...any) []object {
	t.Helper()
	rows, _ := b.super.Query(t.Context(), `SELECT to_jsonb(r) FROM `+table+` r WHERE `+condition+` ORDER BY id`, args...)
	found, err := pgx.CollectRows(rows, pgx.RowTo[object])
	require.NoError(t, err)
	return found
}

// TestStatusIsAudited: the event says whether a tenant was suspended or activated.
func TestStatusIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	for _, status := range []string{"suspended", "active"} {
		b.admin.patch(t, tenant, "*", object{"status": status}).is(200)
		require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM audit_events WHERE action = 'update-tenant' AND details->>'status' = $1`, status))
	}
}
