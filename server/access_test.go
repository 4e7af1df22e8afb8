package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := server.OpenAPI()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	return doc
}

// operations visits all operations of the OpenAPI document.
func operations(t *testing.T, visit func(method, path string, op *openapi3.Operation)) {
	t.Helper()
	doc := document(t)
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, op := range doc.Paths.Value(path).Operations() {
			visit(method, path, op)
		}
	}
}

func accessOf(t *testing.T, op *openapi3.Operation) (rule string) {
	t.Helper()
	text, err := json.Marshal(op.Extensions["x-konstruct-access"])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &rule), op.OperationID)
	return rule
}

// TestAccessMatrix calls every operation as every kind of principal.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	revoked, expired := b.login(t, adminEmail), b.login(t, adminEmail)
	revoked.post(t, "/v1/auth/logout", nil).is(204)
	b.exec(t, `UPDATE portal_sessions SET created_at = created_at - interval '1 day', expires_at = created_at - interval '1 hour'
		WHERE token_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex')`, expired.token)

	const allowed = 0 // any status but 401 and 403
	unauthenticated := map[string]client{
		"no token": b.anyone, "garbage": {b, "garbage"}, "unknown token": {b, "kst_" + strings.Repeat("A", 43)},
		"revoked session": revoked, "expired session": expired,
	}
	expected := map[string]struct{ unauthenticated, user, admin int }{
		"public":         {allowed, allowed, allowed},
		"authenticated":  {401, allowed, allowed},
		"platform_admin": {401, 403, allowed},
		"tenant":         {401, 404, allowed},
	}
	called := 0
	operations(t, func(method, path string, op *openapi3.Operation) {
		want, ok := expected[accessOf(t, op)]
		require.True(t, ok, op.OperationID)
		require.Equal(t, accessOf(t, op) == "public", len(*op.Security) == 0, "security in the document")
		if op.OperationID == "logout" || op.OperationID == "delete-tenant" {
			return // called last, below
		}
		path = strings.NewReplacer("/v1/tenants/{tenant_id}", tenant, "{agent_id}", uuid.NewString(), "{connection_id}", uuid.NewString()).Replace(path)
		call := func(name string, c client, want int) {
			called++
			got := c.do(t, method, path, nil)
			if want != allowed {
				got.is(want)
				return
			}
			require.NotEqual(t, 403, got.status, "%s as %s", op.OperationID, name)
			if op.Security != nil {
				require.NotEqual(t, 401, got.status, "%s as %s", op.OperationID, name)
			}
		}
		for name, c := range unauthenticated {
			call(name, c, want.unauthenticated)
		}
		call("user", b.user, want.user)
		call("admin", b.admin, want.admin)
	})
	require.Greater(t, called, 100)

	b.anyone.delete(t, tenant).is(401)
	revoked.delete(t, tenant).is(401)
	b.user.delete(t, tenant).is(403)
	revoked.post(t, "/v1/auth/logout", nil).is(401)
	b.admin.delete(t, tenant).is(204)
	b.user.post(t, "/v1/auth/logout", nil).is(204)
}

// TestInaccessibleTenantIsNotFound: for a user without access, existing and missing tenants are the same 404.
func TestInaccessibleTenantIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	unknown := "/v1/tenants/" + uuid.NewString()
	upper := "/v1/tenants/" + strings.ToUpper(idText(tenant))

	b.admin.get(t, tenant+"/agents").is(200)
	b.admin.get(t, upper+"/agents").is(404) // only the canonical form
	missing := b.admin.get(t, unknown+"/agents").is(404)
	for _, path := range []string{tenant, unknown, upper, "/v1/tenants/" + uuid.Nil.String(), "/v1/tenants/acme"} {
		b.user.get(t, path+"/agents").sameAs(missing)
	}
}

func TestTenantEntryIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	const requestID = "0123456789abcdef"
	b.admin.get(t, tenant+"/agents?limit=7", "X-Request-Id", requestID).is(200)
	b.user.get(t, tenant+"/agents").is(404)

	audits := b.logLines(t, "msg", "audit: tenant entered")
	require.Len(t, audits, 1, "only the admin")
	require.Subset(t, audits[0], object{
		"principal": b.admin.get(t, "/v1/me").at("user", "id"), "tenant": idText(tenant),
		"route": "/v1/tenants/:tenant_id/agents", "request_id": requestID,
	})
}

// TestRoundTripsPerRequest: one for the session, one for the operation, and a third once a minute for last_seen_at.
func TestRoundTripsPerRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	admin := b.login(t, adminEmail)
	for path, want := range map[string]int64{tenant + "/agents?limit=20": 2, "/v1/me": 1, "/v1/tenants": 2, "/healthz": 0} {
		for range 8 { // prepare the statements on every connection
			admin.get(t, path).is(200)
		}
		require.Equal(t, want, b.roundTrips(func() { admin.get(t, path).is(200) }), path)
	}
	seen := func() int {
		return b.queryInt(t, `SELECT count(*) FROM portal_sessions WHERE last_seen_at > created_at + interval '30 s'`)
	}
	require.Zero(t, seen())
	require.Eventually(t, func() bool { // the update may time out on a busy machine
		b.advance(90 * time.Second)
		return admin.get(t, "/v1/me").status == 200 && seen() == 1
	}, 10*time.Second, time.Millisecond)
	require.EqualValues(t, 1, b.roundTrips(func() { admin.get(t, "/v1/me").is(200) }))
}

func (b *testBundle) roundTrips(do func()) int64 {
	before := b.trips.Count()
	do()
	return b.trips.Count() - before
}
