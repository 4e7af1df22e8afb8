package pgtenant_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A migration changes what a prepared statement returns. Nothing of the statement has run when PostgreSQL says so, and it is
// sent again.
func TestStalePlans(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(mode))
			ctx := as(t, h.a)
			_, pid := h.session(ctx, t, "server_version")
			key := unique()
			uses := map[string]func() error{
				"query": func() error { return second(h.client.Agent.Query().All(ctx)) },
				"write with rows": func() error {
					var name string
					return pgtenant.QueryRow(ctx, h, "update agents set role = role || 'x' returning name", nil, &name)
				},
				"all columns": func() error { return second(pgtenant.Exec(ctx, h, "table agents")) },
				"a transaction's first statement": func() error {
					return pgtenant.InTx(ctx, h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
						_, err := tx.Agent.Query().All(ctx)
						if err != nil {
							return err
						}
						return tx.Agent.Update().SetPersona(key).Exec(ctx)
					})
				},
			}
			for name, use := range uses {
				require.NoError(t, use(), name)
			}
			for i, change := range []string{
				"alter table agents alter column name type varchar(%d)",
				"alter table agents add column further%d text",
				"alter table agents alter column name type varchar(1%d)",
			} {
				for name, use := range uses {
					_, err := h.super.Exec(t.Context(), fmt.Sprintf(change, 500+len(name)+i))
					require.NoError(t, err)
					before := h.count(t, "select length(role) from agents where name = 'a1'")
					require.NoError(t, use(), "%s after %s", name, change)
					after := h.count(t, "select length(role) from agents where name = 'a1'")
					require.Equal(t, name == "write with rows", after == before+1, "it ran once")
				}
			}
			_, newPid := h.session(ctx, t, "server_version")
			require.Equal(t, pid, newPid, "the connection is kept")
			h.healthy(t)
		})
	}
}

// Later in a transaction, what came before would be lost: the error is the caller's, and the next use works.
func TestStalePlanInATransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(1))
	ctx := as(t, h.a)
	use := func() error {
		return pgtenant.InTx(ctx, h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
			if err := tx.Agent.Update().SetRole("written").Exec(ctx); err != nil {
				return err
			}
			return second(tx.Agent.Query().All(ctx))
		})
	}
	require.NoError(t, use())
	_, err := h.super.Exec(t.Context(), "update agents set role = ''; alter table agents alter column name type varchar(500)")
	require.NoError(t, err)
	err = use()
	requireCode(t, "0A000", err)
	requireNoEffect(t, err, "the transaction was rolled back")
	require.Zero(t, h.count(t, "select count(*) from agents where role = 'written'"))
	require.NoError(t, use())
	require.Equal(t, 1, h.count(t, "select count(*) from agents where role = 'written'"))
	h.healthy(t)
}

// Neither does a statement that is not prepared any more.
func TestMissingPreparedStatements(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtenant.WithMaxConns(1))
	ctx := as(t, h.a)
	lose := func() {
		conn, err := h.Pool().Acquire(t.Context())
		require.NoError(t, err)
		defer conn.Release()
		_, err = conn.Conn().PgConn().ExecParams(t.Context(), "deallocate all", nil, nil, nil, nil).Close()
		require.NoError(t, err)
	}
	key := unique()
	_, err := pgtenant.Exec(ctx, h, writeGlobal, key)
	require.NoError(t, err)
	for range 2 {
		lose()
		key := unique()
		_, err := pgtenant.Exec(ctx, h, writeGlobal, key)
		require.NoError(t, err)
		require.Equal(t, 1, h.written(t, key))
		lose()
		require.NoError(t, pgtenant.InTx(ctx, h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
			return tx.Agent.Update().SetRole("x").Exec(ctx)
		}))
		lose()
		h.healthy(t)
	}
}

// What a connection keeps of statements is bounded, on the server too, and a statement that was dropped is prepared again.
func TestPreparedStatementsAreBounded(t *testing.T) {
	t.Parallel()
	const capacity, own = 4, 4
	h := newHouse(t)
	drv, err := pgtenant.Open(t.Context(), h.url+"&statement_cache_capacity="+strconv.Itoa(capacity), pgtenant.WithMaxConns(1))
	require.NoError(t, err)
	defer func() { _ = drv.Close() }()
	for round := range 2 {
		for i := range 3 * capacity {
			var n, prepared int
			query := fmt.Sprintf("select %d, (select count(*) from pg_prepared_statements)", i)
			require.NoError(t, pgtenant.QueryRow(as(t, h.a), drv, query, nil, &n, &prepared))
			require.Equal(t, i, n)
			require.LessOrEqual(t, prepared, capacity+own+1, "one more until the next is prepared, in round %d", round)
		}
	}
}
