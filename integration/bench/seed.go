package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
)

const (
	// pageSize is how many agents a list has.
	pageSize = 20
	// subjects is how many tenants are read, and how many are written to.
	subjects = 32
	// agentsOf is how many agents of each tenant are worked on, in turns.
	agentsOf = 8
	// firstMilli is when the first row was made, in milliseconds since 1970.
	firstMilli = 1_767_225_600_000
	// agentsApart is the distance between the numbers of the first agents of two tenants.
	agentsApart = 1_000_000
	// token is of the session of an admin.
	token = "kst_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// population is what a database holds.
type population struct {
	tenants, agentsEach int
	// bigTenant is the number of agents of one more tenant; with 0 there is no such tenant.
	bigTenant int
}

func (p population) rows() int { return p.tenants*p.agentsEach + p.bigTenant }

// idOf is the identifier of a row: a version 7 UUID, with the row's number as its millisecond.
func idOf(n int) uuid.UUID { return uuid.MustParse(fmt.Sprintf("%012x70008000%012x", firstMilli+n, n)) }

// tenantID is the identifier of the nth tenant, from 1.
func tenantID(tb testing.TB, n int) tenancy.ID {
	tb.Helper()
	id, err := tenancy.FromUUID(idOf(n))
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
// are in memory. Writers have tenants of their own, so that reads stay the same.
type jobs struct{ reads, writes []job }

func (p population) jobs(tb testing.TB) jobs {
	tb.Helper()
	var all jobs
	for agent := range agentsOf {
		for i := range 2 * subjects {
			tenant := 1 + i*p.tenants/(2*subjects)
			j := job{
				tenant: tenantID(tb, tenant), agent: idOf(tenant*agentsApart + 1 + agent),
				name: fmt.Sprintf("Agent %d of turn %d", agent, i),
			}
			if i%2 == 0 {
				all.reads = append(all.reads, j)
			} else {
				all.writes = append(all.writes, j)
			}
		}
	}
	return all
}

// Rows are made in the database. A tenant's rows lie together, which is the best case for the raw read.
const (
	seedIDs = `
		CREATE FUNCTION pg_temp.id_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
		$$ SELECT (lpad(to_hex(%d + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid $$`
	seedTenants = `
		INSERT INTO tenants (id, name, slug)
		SELECT pg_temp.id_of(n), 'Tenant ' || n, 'tenant-' || n FROM generate_series($1::bigint, $2) AS n`
	seedAgents = `
		INSERT INTO agents (id, tenant_id, name, role, persona, system_prompt)
		SELECT pg_temp.id_of(tenant * $4::bigint + n), pg_temp.id_of(tenant), 'Agent ' || n, 'Customer support',
			'Friendly, patient, to the point.',
			'You answer questions about orders, deliveries and returns. Ask when something is unclear, never guess, ' ||
			'and hand over to a person when the customer is upset or asks for one.'
		FROM generate_series($1::bigint, $2) AS tenant, generate_series(1, $3::bigint) AS n`
	seedAdmin = `
		INSERT INTO portal_users (id, email, hashed_password, name, is_admin)
		VALUES (pg_temp.id_of(1), 'bench@example.com', 'none', 'Bench', true)`
	seedSession = `
		INSERT INTO portal_sessions (token_hash, user_id, expires_at)
		VALUES (encode(sha256($1::text::bytea), 'hex'), pg_temp.id_of(1), now() + interval '1 day')`
)

// seed fills an empty database. The big tenant is the last one.
func seed(tb testing.TB, db *testdb.Database, p population) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), db.SuperURL)
	require.NoError(tb, err)
	defer func() { _ = conn.Close(context.WithoutCancel(tb.Context())) }()
	exec := func(sql string, args ...any) {
		_, err := conn.Exec(tb.Context(), sql, args...)
		require.NoError(tb, err)
	}
	exec("SET session_replication_role = replica") // or the foreign key of each row would be checked
	exec(fmt.Sprintf(seedIDs, firstMilli))
	exec(seedTenants, 1, p.tenants)
	exec(seedAgents, 1, p.tenants, p.agentsEach, agentsApart)
	if big := p.tenants + 1; p.bigTenant > 0 {
		exec(seedTenants, big, big)
		exec(seedAgents, big, big, p.bigTenant, agentsApart)
	}
	exec(seedAdmin)
	exec(seedSession, token)
	exec("VACUUM (ANALYZE, FREEZE) tenants")
	exec("VACUUM (ANALYZE, FREEZE) agents")
	exec("CHECKPOINT")
}
