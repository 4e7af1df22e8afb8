package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`SELECT "agents"."id" FROM "agents" WHERE "tenant_id" = $1`:                "SELECT agents",
		`insert into agents (name) values ('from secret')`:                         "INSERT agents",
		"UPDATE agents\nSET name = $1":                                             "UPDATE agents",
		`DELETE FROM "agents" WHERE id = $1`:                                       "DELETE agents",
		`SELECT EXISTS (SELECT FROM tenants t), u.id FROM portal_users u`:          "SELECT portal_users",
		`WITH gone AS (DELETE FROM agents RETURNING id) SELECT count(*) FROM gone`: "WITH gone",
		`SELECT * FROM resolve_tenant($1, $2)`:                                     "SELECT ",
		`SELECT * FROM a.b; `:                                                      "SELECT ",
		`select set_config('app.x', $1, true)`:                                     "SELECT ",
		`commit`:                                                                   "COMMIT ",
		``:                                                                         " ",
	} {
		operation, table := summarize(query)
		require.Equal(t, want, operation+" "+table, query)
	}
}

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	seen := map[Outcome]bool{}
	for _, tc := range []struct {
		err  error
		want Outcome
	}{
		{nil, "ok"},
		{tenancy.ErrTenantMismatch, "tenant_mismatch"},
		{fmt.Errorf("%w: %w", tenancy.ErrNoTenant, &pgconn.PgError{Code: "42501"}), "no_tenant"},
		{ErrTenantBusy, "tenant_busy"},
		{&busyError{}, "pool_busy"},
		{fmt.Errorf("%w (%w)", ErrConnection, ErrOutcomeUnknown), "outcome_unknown"},
		{ErrReadOnlyServer, "read_only_server"},
		{fmt.Errorf("%w (%w)", context.Canceled, ErrNoEffect), "canceled"},
		{context.DeadlineExceeded, "deadline_exceeded"},
		{fmt.Errorf("%w (%w)", ErrConnection, ErrNoEffect), "connection"},
		{fmt.Errorf("%w: %w", ErrTxAborted, &pgconn.PgError{}), "aborted"},
		{ErrCopy, "refused"},
		{&pgconn.PgError{Code: "23505"}, "sql_error"},
		{errors.New("?"), "other"},
	} {
		got := outcomes()[outcomeOf(tc.err)].name
		require.Equal(t, tc.want, got, "%v", tc.err)
		seen[got] = true
	}
	require.Len(t, seen, outcomeCount)
}
