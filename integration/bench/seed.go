package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

const (
	pageSize = 20                                                // agents in a list
	subjects = 32                                                // tenants that operations use
	agentsOf = 8                                                 // agents that operations use, per subject
	token    = "kst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // of a viewer's session
)

// population is the content of a database.
type population struct {
	tenants, agentsEach int
	bigTenant           int // agents of an additional tenant
}

func (p population) rows() int { return p.tenants*p.agentsEach + p.bigTenant }

// idOf returns the ID of a tenant's nth agent, from 1, or the tenant's ID for n = 0: version 7 UUIDs in ascending
// order.
func idOf(tenant, n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("01900000-0000-7000-8000-%06x%06x", tenant, n))
}

// tenantID returns the ID of the nth tenant, from 1.
func tenantID(tb testing.TB, n int) tenancy.ID {
	tb.Helper()
	id, err := tenancy.FromUUID(idOf(n, 0))
	require.NoError(tb, err)
	return id
}

// job is the input of an operation.
type job struct {
	tenant tenancy.ID
	agent  uuid.UUID
	name   string // the name to write
}

// jobs returns the inputs that all ways use in turns: a few tenants spread over the table, so that their pages are
// cached.
func (p population) jobs(tb testing.TB) []job {
	tb.Helper()
	jobs := make([]job, subjects*agentsOf)
	for i := range jobs {
		tenant := 1 + i%subjects*(p.tenants/subjects)
		jobs[i] = job{tenantID(tb, tenant), idOf(tenant, 1+i/subjects), fmt.Sprintf("Agent of turn %d", i)}
	}
	return jobs
}

// A tenant's rows are adjacent, which is the best case for the raw read.
const (
	seedIDs = `
		CREATE FUNCTION pg_temp.id_of(tenant bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
		$$ SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(tenant), 6, '0') || lpad(to_hex(n), 6, '0'))::uuid $$`
	seedTenants = `
		INSERT INTO tenants (id, name, slug)
		SELECT pg_temp.id_of(n, 0), 'Tenant ' || n, 'tenant-' || n FROM generate_series(1, $1::bigint + 1) AS n`
	seedAgents = `
		INSERT INTO agents (id, tenant_id, name, role, persona, system_prompt)
		SELECT pg_temp.id_of(tenant, n), pg_temp.id_of(tenant, 0), 'Agent ' || n, 'Customer support',
			'Friendly, patient, to the point.',
			'You answer questions about orders, deliveries and returns. Ask when something is unclear, never guess, ' ||
			'and hand over to a person when the customer is upset or asks for one.'
		FROM generate_series(1, $1::bigint + 1) AS tenant,
			generate_series(1, CASE WHEN tenant <= $1 THEN $2::bigint ELSE $3 END) AS n`
	seedSession = `
		WITH viewer AS (
			INSERT INTO portal_users (id, email, hashed_password, name)
			VALUES (pg_temp.id_of(1, 0), 'bench@example.com', 'none', 'Bench') RETURNING id)
		INSERT INTO portal_sessions (token_hash, user_id, expires_at)
		SELECT encode(sha256($1::text::bytea), 'hex'), id, now() + interval '1 day' FROM viewer`
	seedMemberships = `
		INSERT INTO memberships (id, tenant_id, user_id, role)
		SELECT gen_random_uuid(), t.id, u.id, 'viewer' FROM tenants t CROSS JOIN portal_users u`
)

// seed fills an empty database.
func (p population) seed(tb testing.TB, superURL string) {
	tb.Helper()
	conn := connect(tb, superURL)
	exec := func(sql string, args ...any) {
		_, err := conn.Exec(tb.Context(), sql, args...)
		require.NoError(tb, err)
	}
	exec("SET session_replication_role = replica") // skips foreign key checks
	exec(seedIDs)
	exec(seedTenants, p.tenants)
	exec(seedAgents, p.tenants, p.agentsEach, p.bigTenant)
	exec(seedSession, token)
	exec(seedMemberships)
	exec("VACUUM (ANALYZE, FREEZE) tenants, agents, memberships")
	exec("CHECKPOINT")
}

// connect opens a connection for setup and statistics.
func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}
