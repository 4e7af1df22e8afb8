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
	// pageSize is how many agents a list has.
	pageSize = 20
	// subjects is how many tenants are worked on.
	subjects = 32
	// agentsOf is how many agents of each tenant are worked on, in turns.
	agentsOf = 8
	// token is of the session of an admin.
	token = "kst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// population is what a database holds.
type population struct {
	tenants, agentsEach int
	// bigTenant is the number of agents of one more tenant.
	bigTenant int
}

func (p population) rows() int { return p.tenants*p.agentsEach + p.bigTenant }

// idOf is the identifier of a tenant's nth agent, from 1, and with 0 the tenant's own: version 7 UUIDs, in this order.
func idOf(tenant, n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("01900000-0000-7000-8000-%06x%06x", tenant, n))
}

// tenantID is the identifier of the nth tenant, from 1.
func tenantID(tb testing.TB, n int) tenancy.ID {
	tb.Helper()
	id, err := tenancy.FromUUID(idOf(n, 0))
	require.NoError(tb, err)
	return id
}

// job is what an operation works on.
type job struct {
	tenant tenancy.ID
	agent  uuid.UUID
	name   string // what is written
}

// jobs are taken in turns, the same ones by every way: of the same few tenants all over the table, so that their pages
// are in memory. Reads are measured before anything is written.
func (p population) jobs(tb testing.TB) []job {
	tb.Helper()
	jobs := make([]job, subjects*agentsOf)
	for i := range jobs {
		tenant := 1 + i%subjects*(p.tenants/subjects)
		jobs[i] = job{tenantID(tb, tenant), idOf(tenant, 1+i/subjects), fmt.Sprintf("Agent of turn %d", i)}
	}
	return jobs
}

// Rows are made in the database. A tenant's rows lie together, which is the best case for the raw read.
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
		WITH admin AS (
			INSERT INTO portal_users (id, email, hashed_password, name, is_admin)
			VALUES (pg_temp.id_of(1, 0), 'bench@example.com', 'none', 'Bench', true) RETURNING id)
		INSERT INTO portal_sessions (token_hash, user_id, expires_at)
		SELECT encode(sha256($1::text::bytea), 'hex'), id, now() + interval '1 day' FROM admin`
)

// seed fills an empty database. The big tenant is the last one.
func (p population) seed(tb testing.TB, superURL string) {
	tb.Helper()
	conn := connect(tb, superURL)
	exec := func(sql string, args ...any) {
		_, err := conn.Exec(tb.Context(), sql, args...)
		require.NoError(tb, err)
	}
	exec("SET session_replication_role = replica") // or the foreign key of each row would be checked
	exec(seedIDs)
	exec(seedTenants, p.tenants)
	exec(seedAgents, p.tenants, p.agentsEach, p.bigTenant)
	exec(seedSession, token)
	exec("VACUUM (ANALYZE, FREEZE) tenants, agents")
	exec("CHECKPOINT")
}

// connect is a connection of the test's own, on which nothing is measured.
func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.WithoutCancel(tb.Context())) })
	return conn
}
