package rls_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func TestUnforced(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"x"}, rls.Unforced(nil, "x"))
	require.Equal(t, []string{
		"ALTER TABLE a NO FORCE ROW LEVEL SECURITY",
		`ALTER TABLE "b" NO FORCE ROW LEVEL SECURITY`,
		"x", "y",
		"ALTER TABLE a FORCE ROW LEVEL SECURITY",
		`ALTER TABLE "b" FORCE ROW LEVEL SECURITY`,
	}, rls.Unforced([]string{"a", `"b"`}, "x", "y"))
}

func TestQuoting(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"public"."agents"`, rls.Quote("public", "agents"))
	require.Equal(t, `"ab"`, rls.Quote("a\x00b"))
	conn := connect(t)
	for _, text := range []string{"plain", "Mixed Case", `"`, `a"; DROP TABLE x; --`, "'", `\'`, "$1", "ä"} {
		rows, err := conn.Query(t.Context(), "SELECT "+rls.Literal(text)+" AS "+rls.Quote(text))
		require.NoError(t, err, text)
		value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
		require.NoError(t, err, text)
		require.Equal(t, text, value)
		require.Equal(t, text, rows.FieldDescriptions()[0].Name)
	}
}

func TestCurrentTenant(t *testing.T) {
	t.Parallel()
	conn, id := connect(t), uuid.New()
	current := func(tx pgx.Tx) (current *uuid.UUID) {
		require.NoError(t, tx.QueryRow(t.Context(), "SELECT "+rls.CurrentTenant).Scan(&current))
		return current
	}
	for _, set := range []string{"", id.String(), ""} {
		require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
			require.Nil(t, current(tx))
			_, err := tx.Exec(t.Context(), rls.SetTenant, set)
			require.NoError(t, err)
			if set == "" {
				require.Nil(t, current(tx))
				return nil
			}
			require.Equal(t, &id, current(tx))
			const matches = "SELECT count(*) FROM unnest($1::uuid[]) AS t (tenant_id) WHERE "
			var n int
			require.NoError(t, tx.QueryRow(t.Context(), matches+rls.Condition("tenant_id"), []uuid.UUID{id, uuid.New()}).Scan(&n))
			require.Equal(t, 1, n)
			return nil
		}))
	}
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), testdb.New(t).AppURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
