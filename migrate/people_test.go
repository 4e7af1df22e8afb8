package migrate_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// member inserts a user with a session and a role in a tenant, and returns the user and the session's hash.
func (b *testBundle) member(t *testing.T, tenant uuid.UUID, role string) (user uuid.UUID, hash string) {
	t.Helper()
	user = uuid.New()
	hash = strings.Repeat(strings.ReplaceAll(user.String(), "-", ""), 2)
	exec(t, b.super, "INSERT INTO portal_users (id, email, hashed_password, name) VALUES ($1, $2, 'none', 'Someone')",
		user, user.String()+"@example.com")
	exec(t, b.super, "INSERT INTO portal_sessions (token_hash, user_id, expires_at) VALUES ($1, $2, now() + interval '1 hour')", hash, user)
	exec(t, b.super, "INSERT INTO memberships (id, tenant_id, user_id, role) VALUES ($1, $2, $3, $4)", uuid.New(), tenant, user, role)
	return user, hash
}

// A session answers while it is live, for its user's tenants. A platform admin's answers for any user.
func TestSessionFunctions(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	tenant, other := b.twoTenants(t)
	for name, c := range map[string]struct {
		session, user string // what is set
		role, any     bool   // the role in the tenant, and the user's tenants for a platform admin, are answered
	}{
		"live":            {"user_agent = ''", "is_admin = true", true, true},
		"nearly idle":     {"last_seen_at = now() - interval '719 minutes'", "is_admin = true", true, true},
		"not an admin":    {"user_agent = ''", "is_admin = false", true, false},
		"revoked":         {"revoked_at = now()", "is_admin = true", false, false},
		"expired":         {"expires_at = created_at + interval '1 microsecond'", "is_admin = true", false, false},
		"idle":            {"last_seen_at = now() - interval '12 hours'", "is_admin = true", false, false},
		"disabled":        {"user_agent = ''", "is_admin = true, disabled_at = now()", false, false},
		"proven here":     {"user_agent = ''", "unproven_tenant_id = '" + tenant.String() + "'", true, false},
		"proven for none": {"user_agent = ''", "unproven_tenant_id = '" + other.String() + "'", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &testBundle{b.Database, open(t, b.SuperURL), nil, open(t, b.AppURL)}
			user, hash := b.member(t, tenant, "editor")
			exec(t, b.super, "UPDATE portal_sessions SET "+c.session+" WHERE token_hash = $1", hash)
			exec(t, b.super, "UPDATE portal_users SET "+c.user+" WHERE id = $1", user)
			var role *string
			tenants, of := []string{}, []string{}
			if c.role {
				editor := "editor"
				role, tenants = &editor, []string{tenant.String() + " editor"}
			}
			if c.any {
				of = []string{tenant.String() + " editor false"}
			}
			ask := func() {
				t.Helper()
				require.Equal(t, role, one[*string](t, b.app, "SELECT session_role($1, $2)", hash, tenant))
				require.Nil(t, one[*string](t, b.app, "SELECT session_role($1, $2)", hash, other), "not a member")
				require.Equal(t, tenants, column(t, b.app, "SELECT tenant_id || ' ' || role FROM session_tenants($1)", hash))
				require.Equal(t, of, column(t, b.app,
					"SELECT tenant_id || ' ' || role || ' ' || sole_owner FROM user_tenants($1, $2)", hash, user))
			}
			ask()
			b.enter(t, other.String())
			ask()
			require.Zero(t, one[int](t, b.app, "SELECT count(*) FROM memberships"), "no other tenant's rows are visible")
		})
	}
	for _, none := range []*string{nil, new(string)} {
		require.Nil(t, one[*string](t, b.app, "SELECT session_role($1, $2)", none, tenant))
		require.Nil(t, one[*string](t, b.app, "SELECT session_role($1, NULL)", none))
		require.Empty(t, column(t, b.app, "SELECT role FROM session_tenants($1)", none))
		require.Empty(t, column(t, b.app, "SELECT role FROM user_tenants($1, NULL)", none))
		require.Nil(t, one[*uuid.UUID](t, b.app, "SELECT invitation_tenant($1)", none))
	}
}

func TestSoleOwner(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	tenant, other := b.twoTenants(t)
	first, hash := b.member(t, tenant, "owner")
	second, _ := b.member(t, tenant, "owner")
	b.member(t, other, "owner")
	exec(t, b.super, "UPDATE portal_users SET is_admin = true WHERE id = $1", first)
	sole := func(user uuid.UUID) bool {
		t.Helper()
		return one[bool](t, b.app, "SELECT sole_owner FROM user_tenants($1, $2)", hash, user)
	}
	require.False(t, sole(first))
	exec(t, b.super, "UPDATE portal_users SET disabled_at = now() WHERE id = $1", second)
	require.True(t, sole(first), "the other owner is disabled")
	require.False(t, sole(second), "a disabled owner beside another one")
	exec(t, b.super, "UPDATE memberships SET role = 'editor' WHERE user_id = $1", first)
	require.False(t, sole(first), "an editor")
	require.True(t, sole(second))
}

func TestInvitationTenant(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	tenant, other := b.twoTenants(t)
	hash := strings.Repeat("a", 64)
	for of, token := range map[uuid.UUID]any{tenant: hash, other: nil} {
		exec(t, b.super, `INSERT INTO invitations (id, tenant_id, email, role, invited_by, token_hash, expires_at)
			VALUES ($1, $2, 'someone@example.com', 'viewer', $1, $3, now())`, uuid.New(), of, token)
	}
	require.Equal(t, &tenant, one[*uuid.UUID](t, b.app, "SELECT invitation_tenant($1)", hash))
	require.Nil(t, one[*uuid.UUID](t, b.app, "SELECT invitation_tenant($1)", strings.ToUpper(hash)))
	require.Zero(t, one[int](t, b.app, "SELECT count(*) FROM invitations"), "no rows are visible")
	_, err := b.super.Exec(t.Context(), "UPDATE invitations SET token_hash = $1", hash)
	requireCode(t, err, "23505")
}

// Events are deleted after 365 days, or while their tenant is purged, and never another tenant's.
func TestExpiryOfAuditEvents(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	tenant, other := b.twoTenants(t)
	const insert = `INSERT INTO audit_events (id, tenant_id, action, created_at)
		SELECT gen_random_uuid(), id, 'seen', now() - age FROM tenants, (VALUES (interval '0'), ('365 days'), ('1 year 1 day'), ('9 years')) AS e (age)`
	exec(t, b.super, insert)
	expire := func(batch any) *int {
		t.Helper()
		return one[*int](t, b.app, "SELECT expire_audit_events($1)", batch)
	}
	left := func(of uuid.UUID) int {
		t.Helper()
		return one[int](t, b.super, "SELECT count(*) FROM audit_events WHERE tenant_id = $1", of)
	}
	require.Zero(t, *expire(100), "without a tenant")
	for _, status := range []string{"active", "suspended"} {
		exec(t, b.super, "DELETE FROM audit_events")
		exec(t, b.super, insert)
		exec(t, b.super, "UPDATE tenants SET status = $1", status)
		b.enter(t, tenant.String())
		require.Nil(t, expire(nil))
		require.Equal(t, 1, *expire(1), "a batch")
		require.Equal(t, 2, *expire(100), "365 days have passed since the rows were inserted")
		require.Zero(t, *expire(100))
		require.Equal(t, 1, left(tenant), status)
		require.Equal(t, 4, left(other), status)
	}
	exec(t, b.super, "UPDATE tenants SET status = 'purging' WHERE id = $1", other)
	require.Zero(t, *expire(100), "another tenant is purged")
	exec(t, b.super, "UPDATE tenants SET status = CASE WHEN id = $1 THEN 'purging' ELSE 'active' END", tenant)
	require.Equal(t, 1, *expire(100))
	require.Zero(t, left(tenant))
	require.Equal(t, 4, left(other))

	exec(t, b.super, "INSERT INTO platform_audit_events (id, action, created_at) SELECT gen_random_uuid(), 'seen', now() - age "+
		"FROM (VALUES (interval '364 days'), ('366 days'), ('9 years')) AS e (age)")
	require.Equal(t, 1, one[int](t, b.app, "SELECT expire_platform_audit_events(1)"))
	require.Equal(t, 1, one[int](t, b.app, "SELECT expire_platform_audit_events(100)"))
	require.Equal(t, 1, one[int](t, b.super, "SELECT count(*) FROM platform_audit_events"))
}

// The functions' owner cannot log in, is reachable by the owner role alone, and has only the privileges that the
// functions need.
func TestResolverRole(t *testing.T) {
	t.Parallel()
	b := setup(t, testdb.New)
	for function, definer := range migrate.Spec().Definers {
		require.Equal(t, migrate.ResolverRole, definer.Owner, function)
		require.Equal(t, migrate.ResolverRole, one[string](t, b.super,
			"SELECT proowner::regrole::text FROM pg_proc WHERE oid = $1::regprocedure", function), function)
		require.Equal(t, []string{migrate.AppRole, migrate.ResolverRole}, column(t, b.super, `SELECT grantee::regrole::text
			FROM pg_proc, aclexplode(proacl) WHERE oid = $1::regprocedure ORDER BY 1`, function), function)
	}
	denied(t, b.owner, "SELECT session_role('', gen_random_uuid())")
	denied(t, b.owner, "SELECT expire_audit_events(1)")
	require.False(t, one[bool](t, b.super, `SELECT rolcanlogin OR rolsuper OR rolbypassrls OR rolinherit OR rolcreaterole
		OR rolcreatedb OR rolreplication FROM pg_roles WHERE rolname = 'konstruct_resolver'`))
	require.Equal(t, []string{migrate.OwnerRole}, column(t, b.super, `SELECT DISTINCT member::regrole::text FROM pg_auth_members
		WHERE roleid = 'konstruct_resolver'::regrole AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = member)`))
	require.Empty(t, column(t, b.super, "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'konstruct_resolver'::regrole"))
	require.Equal(t, []string{
		"audit_events DELETE", "audit_events SELECT (created_at, id, tenant_id)",
		"channel_connections SELECT (channel_type, status, tenant_id, workspace_id)",
		"invitations SELECT (tenant_id, token_hash)", "memberships SELECT (role, tenant_id, user_id)",
		"platform_audit_events DELETE", "platform_audit_events SELECT (created_at, id)",
		"portal_sessions SELECT (expires_at, last_seen_at, revoked_at, token_hash, user_id)",
		"portal_users SELECT (disabled_at, id, is_admin, unproven_tenant_id)", "tenants SELECT (id, status)",
	}, column(t, b.super, `
		SELECT attrelid::regclass || ' ' || privilege_type || ' (' || string_agg(attname, ', ' ORDER BY attname) || ')'
		  FROM pg_attribute, aclexplode(attacl) WHERE grantee = 'konstruct_resolver'::regrole GROUP BY attrelid, privilege_type
		UNION ALL SELECT oid::regclass || ' ' || privilege_type FROM pg_class, aclexplode(relacl)
		 WHERE grantee = 'konstruct_resolver'::regrole ORDER BY 1`))
}
