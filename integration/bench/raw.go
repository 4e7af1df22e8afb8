package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/tenancy"
)

const (
	rawColumns = `id, tenant_id, created_at, updated_at, name, role, persona, system_prompt, model_preference,
		tool_assignments, escalation_rules, is_active`
	rawList   = `SELECT ` + rawColumns + ` FROM agents WHERE tenant_id = $1 ORDER BY id LIMIT $2`
	rawInsert = `INSERT INTO agents (` + rawColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	rawUpdate = `UPDATE agents SET name = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2`
)

// raw is the floor: pgx, SQL by hand, and columns scanned by hand into the types that pgx reads fastest.
type raw struct{ pool *pgxpool.Pool }

// rawAgent has an agent's columns. An array of 16 bytes is a UUID that pgx needs no text for.
type rawAgent struct {
	id, tenant                                    [16]byte
	created, updated                              time.Time
	name, role, persona, systemPrompt, preference string
	tools, rules                                  []map[string]any
	active                                        bool
}

// querier is met by the pool and by a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

func openRaw(ctx context.Context, dsn string) (*raw, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("raw pgx: %w", err)
	}
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("raw pgx: %w", err)
	}
	return &raw{pool: pool}, nil
}

func (r *raw) close() { r.pool.Close() }

func (r *raw) list(ctx context.Context, tenant tenancy.ID) error {
	agents, err := rawAgents(ctx, r.pool, rawList, uuidArg(tenant.UUID()), pageSize)
	return listed(len(agents), err)
}

func (r *raw) insert(ctx context.Context, tenant tenancy.ID, name string) error {
	return rawCreate(ctx, r.pool, tenant, name)
}

func (r *raw) update(ctx context.Context, tenant tenancy.ID, agent uuid.UUID, name string) error {
	agents, err := rawAgents(ctx, r.pool, rawUpdate+" RETURNING "+rawColumns, rawRename(tenant, agent, name)...)
	if err == nil && len(agents) != 1 {
		err = wrongCount("update", len(agents), 1)
	}
	return err
}

func (r *raw) unit(ctx context.Context, tenant tenancy.ID, agent uuid.UUID, name string) error {
	return pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		agents, err := rawAgents(ctx, tx, rawList, uuidArg(tenant.UUID()), pageSize)
		if err := listed(len(agents), err); err != nil {
			return err
		}
		if err := rawCreate(ctx, tx, tenant, name); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, rawUpdate, rawRename(tenant, agent, name)...)
		if err == nil && tag.RowsAffected() != 1 {
			err = wrongCount("update", int(tag.RowsAffected()), 1)
		}
		return err
	})
}

func rawCreate(ctx context.Context, q querier, tenant tenancy.ID, name string) error {
	now := time.Now().UTC()
	empty := []map[string]any{}
	_, err := q.Exec(ctx, rawInsert, uuidArg(uuid.Must(uuid.NewV7())), uuidArg(tenant.UUID()), now, now,
		name, "", "", "", "quality", empty, empty, true)
	return err
}

func rawRename(tenant tenancy.ID, agent uuid.UUID, name string) []any {
	return []any{uuidArg(tenant.UUID()), uuidArg(agent), name, time.Now().UTC()}
}

func rawAgents(ctx context.Context, q querier, sql string, args ...any) ([]*rawAgent, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var agents []*rawAgent
	for rows.Next() {
		a := &rawAgent{}
		err := rows.Scan(&a.id, &a.tenant, &a.created, &a.updated, &a.name, &a.role, &a.persona, &a.systemPrompt,
			&a.preference, &a.tools, &a.rules, &a.active)
		if err != nil {
			return nil, err
		}
		agents = append(agents, a)
	}
	return agents, rows.Err()
}

func uuidArg(id uuid.UUID) [16]byte { return id }

func listed(n int, err error) error {
	if err == nil && n != pageSize {
		err = wrongCount("list", n, pageSize)
	}
	return err
}
