package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

// operations visits all operations of the OpenAPI document.
func operations(t *testing.T, visit func(method, path string, op *openapi3.Operation)) {
	t.Helper()
	document, err := server.OpenAPI()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(document)
	require.NoError(t, err)
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, op := range doc.Paths.Value(path).Operations() {
			visit(method, path, op)
		}
	}
}

func accessOf(t *testing.T, op *openapi3.Operation) string {
	t.Helper()
	switch rule := op.Extensions["x-konstruct-access"].(type) {
	case string:
		return rule
	case json.RawMessage:
		var s string
		require.NoError(t, json.Unmarshal(rule, &s))
		return s
	}
	require.Fail(t, "no access rule", op.OperationID)
	return ""
}

// TestAccessMatrix calls every operation as every kind of principal.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	revoked := b.login(t, adminEmail)
	require.Equal(t, http.StatusNoContent, b.post(t, revoked, "/v1/auth/logout", nil).status)
	expired := b.login(t, adminEmail)
	b.exec(t, `UPDATE portal_sessions SET created_at = created_at - interval '1 day', expires_at = created_at - interval '1 hour'
		WHERE token_hash = encode(sha256(convert_to($1, 'UTF8')), 'hex')`, expired)

	const allowed = 0 // any status but 401 and 403
	type principal struct{ name, token string }
	unauthenticated := []principal{
		{"none", ""},
		{"garbage", "garbage"},
		{"unknown token", "kst_" + strings.Repeat("A", 43)},
		{"revoked", revoked},
		{"expired", expired},
	}
	expected := map[string]struct{ unauthenticated, user, admin int }{
		"public":         {allowed, allowed, allowed},
		"authenticated":  {http.StatusUnauthorized, allowed, allowed},
		"platform_admin": {http.StatusUnauthorized, http.StatusForbidden, allowed},
		"tenant":         {http.StatusUnauthorized, http.StatusNotFound, allowed},
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
		call := func(p principal, want int) {
			called++
			got := b.do(t, method, p.token, path, nil)
			if want == allowed {
				require.NotEqual(t, http.StatusForbidden, got.status, "%s as %s", op.OperationID, p.name)
				if op.Security != nil {
					require.NotEqual(t, http.StatusUnauthorized, got.status, "%s as %s", op.OperationID, p.name)
				}
				return
			}
			require.Equal(t, want, got.status, "%s as %s: %s", op.OperationID, p.name, got.body)
			got.code(t)
		}
		for _, p := range unauthenticated {
			call(p, want.unauthenticated)
		}
		call(principal{"a plain user", b.user}, want.user)
		call(principal{"an admin", b.admin}, want.admin)
	})
	require.Greater(t, called, 100)

	for name, want := range map[string]int{"": http.StatusUnauthorized, revoked: http.StatusUnauthorized, b.user: http.StatusForbidden} {
		require.Equal(t, want, b.do(t, http.MethodDelete, name, tenant, nil).status)
	}
	require.Equal(t, http.StatusUnauthorized, b.post(t, revoked, "/v1/auth/logout", nil).status)
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodDelete, b.admin, tenant, nil).status)
	require.Equal(t, http.StatusNoContent, b.post(t, b.user, "/v1/auth/logout", nil).status)
}

// TestInaccessibleTenantIsNotFound: for a user without access, existing and missing tenants are the same 404.
func TestInaccessibleTenantIsNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	unknown := "/v1/tenants/" + uuid.NewString()

	require.Equal(t, http.StatusOK, b.get(t, b.admin, tenant+"/agents").status)
	missing := b.get(t, b.admin, unknown+"/agents")
	require.Equal(t, http.StatusNotFound, missing.status)
	for _, path := range []string{
		tenant + "/agents", unknown + "/agents", "/v1/tenants/" + uuid.Nil.String() + "/agents",
		"/v1/tenants/" + strings.ToUpper(strings.TrimPrefix(tenant, "/v1/tenants/")) + "/agents", "/v1/tenants/acme/agents",
	} {
		got := b.get(t, b.user, path)
		require.Equal(t, http.StatusNotFound, got.status, path)
		require.Equal(t, missing.stableBody(), got.stableBody(), path)
	}
	require.Equal(t, http.StatusNotFound, b.get(t, b.admin, "/v1/tenants/"+strings.ToUpper(strings.TrimPrefix(tenant, "/v1/tenants/"))+"/agents").status,
		"only the canonical form")
}

func TestTenantEntryIsAudited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	const requestID = "0123456789abcdef"
	require.Equal(t, http.StatusOK, b.get(t, b.admin, tenant+"/agents?limit=7", "X-Request-Id", requestID).status)
	require.Equal(t, http.StatusNotFound, b.get(t, b.user, tenant+"/agents").status)

	audits := b.logLines(t, func(record map[string]any) bool { return record["msg"] == "audit: tenant entered" })
	require.Len(t, audits, 1, "only the admin")
	me := b.get(t, b.admin, "/v1/me").at(t, "user", "id")
	require.Equal(t, me, audits[0]["principal"])
	require.Equal(t, strings.TrimPrefix(tenant, "/v1/tenants/"), audits[0]["tenant"])
	require.Equal(t, "/v1/tenants/:tenant_id/agents", audits[0]["route"])
	require.Equal(t, requestID, audits[0]["request_id"])
}

// TestRoundTripsPerRequest: one for the session and one for the operation.
//
//nolint:tparallel // the steps follow each other
func TestRoundTripsPerRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	token := b.login(t, adminEmail)
	for path, want := range map[string]int64{tenant + "/agents?limit=20": 2, "/v1/me": 1, "/v1/tenants": 2, "/healthz": 0} {
		for range 8 { // prepare the statements on every connection
			require.Equal(t, http.StatusOK, b.get(t, token, path).status)
		}
		before := b.trips.Count()
		require.Equal(t, http.StatusOK, b.get(t, token, path).status)
		require.Equal(t, want, b.trips.Count()-before, path)
	}
	t.Run("a third once a minute, for last_seen_at", func(t *testing.T) {
		seen := func() int {
			return b.queryInt(t, `SELECT count(*) FROM portal_sessions WHERE last_seen_at > created_at + interval '30 s'`)
		}
		require.Zero(t, seen())
		require.Eventually(t, func() bool { // the update may time out on a busy machine
			b.advance(90 * time.Second)
			return b.get(t, token, "/v1/me").status == http.StatusOK && seen() == 1
		}, 10*time.Second, time.Millisecond)
		before := b.trips.Count()
		require.Equal(t, http.StatusOK, b.get(t, token, "/v1/me").status)
		require.Equal(t, int64(1), b.trips.Count()-before)
	})
}
