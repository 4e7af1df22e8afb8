package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy"
)

// database is where the ways connect to.
type database struct {
	// appURL logs in as konstruct_app, superURL as a role that no policy binds.
	appURL, superURL string
}

// population is what a database holds.
type population struct {
	tenants, agentsEach int
	// bigTenant is the number of agents of one more tenant; with 0 there is no such tenant.
	bigTenant int
}

func (p population) rows() int { return p.tenants*p.agentsEach + p.bigTenant }

// Rows are made in the database. Their identifiers are version 7 UUIDs of consecutive milliseconds, as Go would have
// made them. A tenant's rows lie together, which is the best case of the floor that isolation is measured against.
const (
	seedIdentifier = `
		CREATE FUNCTION pg_temp.id_of(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
		$$ SELECT (lpad(to_hex(1767225600000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid $$`
	seedTenants = `
		INSERT INTO tenants (id, name, slug)
		SELECT pg_temp.id_of(n), 'Tenant ' || n, 'tenant-' || n FROM generate_series($1::bigint, $2) AS n`
	seedAgents = `
		INSERT INTO agents (id, tenant_id, name, role, persona, system_prompt)
		SELECT pg_temp.id_of(tenant * 1000000 + n), pg_temp.id_of(tenant), 'Agent ' || n, 'Customer support',
			'Friendly, patient, to the point.',
			'You answer questions about orders, deliveries and returns. Ask when something is unclear, never guess, ' ||
			'and hand over to a person when the customer is upset or asks for one.'
		FROM generate_series($1::bigint, $2) AS tenant, generate_series(1, $3::bigint) AS n`
)

// step is one statement of the seed.
type step struct {
	sql  string
	args []any
}

// steps fill an empty database. The big tenant is the last one.
func (p population) steps() []step {
	steps := []step{
		{sql: "SET session_replication_role = replica"}, // or each row's foreign key would be checked
		{sql: seedIdentifier},
		{sql: seedTenants, args: []any{1, p.tenants}},
		{sql: seedAgents, args: []any{1, p.tenants, p.agentsEach}},
	}
	if p.bigTenant > 0 {
		big := p.tenants + 1
		steps = append(steps,
			step{sql: seedTenants, args: []any{big, big}},
			step{sql: seedAgents, args: []any{big, big, p.bigTenant}})
	}
	return append(steps,
		step{sql: "VACUUM (ANALYZE, FREEZE) tenants"},
		step{sql: "VACUUM (ANALYZE, FREEZE) agents"},
		step{sql: "CHECKPOINT"})
}

func seed(ctx context.Context, db database, p population) error {
	conn, err := pgx.Connect(ctx, db.superURL)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, s := range p.steps() {
		if _, err := conn.Exec(ctx, s.sql, s.args...); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	return nil
}

// subjects are the tenants that are worked on: a few from all over the database, always the same, so that their pages
// are in memory.
type subjects struct {
	readers []tenancy.ID
	writers []writer
}

// writer is a tenant that is written to, with the agents that it had at first.
type writer struct {
	tenant tenancy.ID
	agents []uuid.UUID
}

func (w writer) agent(turn int) uuid.UUID { return w.agents[turn%len(w.agents)] }

func (s subjects) writer(turn int) writer { return s.writers[turn%len(s.writers)] }

// subjectCount is how many tenants are read, and how many are written to.
const subjectCount = 32

// findSubjects picks them evenly, without the big tenant.
func findSubjects(ctx context.Context, db database, p population) (subjects, error) {
	conn, err := pgx.Connect(ctx, db.superURL)
	if err != nil {
		return subjects{}, fmt.Errorf("subjects: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var found subjects
	for i := range 2 * subjectCount {
		w, err := findTenant(ctx, conn, i*p.tenants/(2*subjectCount))
		switch {
		case err != nil:
			return subjects{}, fmt.Errorf("subjects: %w", err)
		case i%2 == 0:
			found.readers = append(found.readers, w.tenant)
		default:
			found.writers = append(found.writers, w)
		}
	}
	return found, nil
}

// findTenant reads the tenant at a position in the order of creation, with its agents.
func findTenant(ctx context.Context, conn *pgx.Conn, position int) (writer, error) {
	var id uuid.UUID
	var agents []uuid.UUID
	err := conn.QueryRow(ctx, `
		SELECT t.id, (SELECT array_agg(a.id ORDER BY a.id) FROM agents a WHERE a.tenant_id = t.id)
		FROM tenants t ORDER BY t.id LIMIT 1 OFFSET $1`, position).Scan(&id, &agents)
	if err != nil {
		return writer{}, err
	}
	tenant, err := tenancy.FromUUID(id)
	return writer{tenant: tenant, agents: agents}, err
}

// findBig is the tenant that was made last.
func findBig(ctx context.Context, db database) (tenancy.ID, error) {
	conn, err := pgx.Connect(ctx, db.superURL)
	if err != nil {
		return tenancy.ID{}, fmt.Errorf("the big tenant: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var id uuid.UUID
	if err := conn.QueryRow(ctx, "SELECT id FROM tenants ORDER BY id DESC LIMIT 1").Scan(&id); err != nil {
		return tenancy.ID{}, fmt.Errorf("the big tenant: %w", err)
	}
	return tenancy.FromUUID(id)
}
