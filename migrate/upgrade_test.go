package migrate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/migrate"
)

// before returns the product's chain without the files from a version on.
func before(t *testing.T, version string) migrate.Chain {
	t.Helper()
	dir, chain := product(t, nil)
	for _, name := range sqlFiles(t, chain.Files) {
		if name >= version {
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
		}
	}
	require.NoError(t, migrate.Hash(dir))
	return chain
}

// contents returns the rows of every table, in the columns that they have now, by the query that read them.
func (b *testBundle) contents(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, query := range column(t, b.super, `SELECT format('SELECT coalesce(json_agg(r ORDER BY r::text), ''[]'')::text FROM (SELECT %s FROM %s) AS r',
			string_agg(quote_ident(attname), ', ' ORDER BY attnum), attrelid::regclass)
		FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped GROUP BY attrelid`) {
		rows[query] = one[string](t, b.super, query)
	}
	return rows
}

// A database from before people had roles keeps every row: platform admins, their sessions, active connections.
func TestUpgradeToPeople(t *testing.T) {
	t.Parallel()
	b := setup(t, bootstrapped)
	b.mustUp(t, before(t, "20261127063050"))
	tenant, suspended := b.twoTenants(t)
	exec(t, b.super, "UPDATE tenants SET status = 'suspended', settings = '{\"plan\": 1}' WHERE id = $1", suspended)
	exec(t, b.super, `INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id, status, config, secrets)
		SELECT gen_random_uuid(), id, 'slack', s || slug, s, '{"channel": "C1"}', '{"token": "sealed"}'
		FROM tenants, unnest(ARRAY['pending', 'active', 'revoked']) AS s`)
	admin, hash := uuid.New(), strings.Repeat("a", 64)
	exec(t, b.super, `INSERT INTO portal_users (id, email, hashed_password, name, is_admin, disabled_at) VALUES
		($1, 'admin@example.com', 'hashed', 'Admin', true, NULL), (gen_random_uuid(), 'second@example.com', 'hashed', 'Second', true, NULL),
		(gen_random_uuid(), 'gone@example.com', 'hashed', 'Gone', true, now()), (gen_random_uuid(), 'user@example.com', 'hashed', 'User', false, NULL)`, admin)
	exec(t, b.super, `INSERT INTO portal_sessions (token_hash, user_id, expires_at, revoked_at) VALUES
		($1, $2, now() + interval '7 days', NULL), (repeat('b', 64), $2, now() + interval '7 days', now())`, hash, admin)
	exec(t, b.super, "INSERT INTO login_attempts (key, count, window_ends) VALUES ('key', 3, now())")
	was := b.contents(t)
	require.Len(t, was, 6)

	require.NotEmpty(t, b.mustUp(t))

	for query, rows := range was {
		require.NotEqual(t, "[]", rows, query)
		require.Equal(t, rows, one[string](t, b.super, query), query)
	}
	require.Empty(t, b.diagnose(t, migrate.Spec()))
	require.Equal(t, 2, one[int](t, b.super, "SELECT count(DISTINCT session_id) FROM portal_sessions"), "each session has an id")
	require.Equal(t, &tenant, one[*uuid.UUID](t, b.app, "SELECT resolve_tenant('slack', 'activea')"))

	// A session from before answers, once its user is a member.
	exec(t, b.super, "INSERT INTO memberships (id, tenant_id, user_id, role) VALUES (gen_random_uuid(), $1, $2, 'owner')", tenant, admin)
	require.Equal(t, "owner", one[string](t, b.app, "SELECT session_role($1, $2)", hash, tenant))
	require.Equal(t, []string{tenant.String()}, column(t, b.app, "SELECT tenant_id::text FROM user_tenants($1, $2)", hash, admin))
}
