package bench

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

const (
	rawColumns = "id, tenant_id, created_at, updated_at, name, role, persona, system_prompt, model_preference, " +
		"tool_assignments, escalation_rules, is_active"
	rawList   = "SELECT " + rawColumns + " FROM agents WHERE tenant_id = $1 ORDER BY id LIMIT $2"
	rawInsert = "INSERT INTO agents (" + rawColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
	rawUpdate = "UPDATE agents SET name = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2 RETURNING " + rawColumns
)

// raw is pgx with handwritten SQL, which scans into the types that pgx decodes fastest.
type raw struct{ conn rawConn }

// rawConn is a pool or a transaction.
type rawConn interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// rawAgent has an agent's columns. pgx decodes a UUID into [16]byte without an intermediate string.
type rawAgent struct {
	id, tenant                                    [16]byte
	created, updated                              time.Time
	name, role, persona, systemPrompt, preference string
	tools, rules                                  []json.RawMessage
	active                                        bool
}

func openRaw(tb testing.TB, dsn string) raw {
	tb.Helper()
	pool, err := openPool(tb.Context(), dsn, connections)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return raw{pool}
}

func openPool(ctx context.Context, dsn string, conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = conns
	return pgxpool.NewWithConfig(ctx, config)
}

func (r raw) list(ctx context.Context, j job) error {
	return r.query(ctx, pageSize, rawList, [16]byte(j.tenant.UUID()), pageSize)
}

func (r raw) insert(ctx context.Context, j job) error {
	tag, err := r.conn.Exec(ctx, rawInsert, rawRow(j)...)
	return expect(1, int(tag.RowsAffected()), err)
}

func (r raw) update(ctx context.Context, j job) error {
	return r.query(ctx, 1, rawUpdate, [16]byte(j.tenant.UUID()), [16]byte(j.agent), j.name, time.Now().UTC())
}

// bulk uses COPY, which PostgreSQL does not support for roles subject to RLS.
func (r raw) bulk(ctx context.Context, j job) error {
	rows := pgx.CopyFromSlice(bulkSize, func(int) ([]any, error) { return rawRow(j), nil })
	n, err := r.conn.CopyFrom(ctx, pgx.Identifier{"agents"}, strings.Split(rawColumns, ", "), rows)
	return expect(bulkSize, int(n), err)
}

func (r raw) inTx(ctx context.Context, j job, do []operation) error {
	return pgx.BeginFunc(ctx, r.conn, func(tx pgx.Tx) error { return inOrder(ctx, raw{tx}, j, do) })
}

// rawRow returns a new agent in the order of rawColumns.
func rawRow(j job) []any {
	id, tenant := [16]byte(uuid.Must(uuid.NewV7())), [16]byte(j.tenant.UUID())
	now, empty := time.Now().UTC(), []byte("[]")
	return []any{id, tenant, now, now, j.name, "", "", "", "quality", empty, empty, true}
}

// query reads agents and checks their number.
func (r raw) query(ctx context.Context, want int, sql string, args ...any) error {
	rows, _ := r.conn.Query(ctx, sql, args...) // CollectRows returns the error
	agents, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*rawAgent, error) {
		a := &rawAgent{}
		return a, row.Scan(&a.id, &a.tenant, &a.created, &a.updated, &a.name, &a.role, &a.persona, &a.systemPrompt,
			&a.preference, &a.tools, &a.rules, &a.active)
	})
	return expect(want, len(agents), err)
}
