package server

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestServerFailures(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code, Detail: "canary"} }
	for code, tt := range map[problem.Code]struct {
		status int
		retry  bool
		errs   []error
	}{
		problem.CodeOutcomeUnknown: {503, false, []error{
			fmt.Errorf("commit: %w", errors.Join(pgtenant.ErrConnection, pgtenant.ErrOutcomeUnknown)),
			errors.Join(context.DeadlineExceeded, pgtenant.ErrOutcomeUnknown),
			state("57P01"), state("57P02"), state("08P01"), // a shutdown, a crash, a pooler without its server
		}},
		problem.CodeUnavailable: {503, true, []error{
			errors.Join(state("57P01"), pgtenant.ErrNoEffect), errors.Join(pgtenant.ErrConnection, pgtenant.ErrNoEffect),
			fmt.Errorf("x: %w", context.DeadlineExceeded), pgtenant.ErrReadOnlyServer, state("25006"),
			state("25P03"), state("40P01"), state("53100"), // an idle transaction, a deadlock, a full disk
			state("53300"), state("55P03"), state("57014"), // too many connections, lock_timeout, statement_timeout
			state("57P03"), state("42P01"), // a starting server, a missing table
		}},
		problem.CodeOverloaded: {503, true, []error{fmt.Errorf("x: %w", pgtenant.ErrPoolBusy), account.ErrBusy}},
		problem.CodeInternal:   {500, false, []error{state("42501"), errors.New("canary")}},
		problem.CodeConflict:   {409, false, []error{fmt.Errorf("x: %w (%w)", operation.ErrTaken, state("23505"))}},
	} {
		for _, err := range tt.errs {
			p := failure(err)
			require.Equal(t, tt.status, p.Status, err)
			require.Equal(t, code, p.Code, err)
			require.Equal(t, tt.retry, p.GetHeaders().Get("Retry-After") != "", err)
			require.NotContains(t, p.Detail, "canary")
			if tt.status >= 500 {
				require.ErrorIs(t, p, err, "the log gets the cause")
			}
		}
	}
}

// TestCauseAttributes: each code has a distinct meaning, and no text of PostgreSQL is logged.
func TestCauseAttributes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, code := range []string{"28P01", "28000", "3D000", "53300", "53100", "57P03", "57014", "55P03", "25006", "40P01", "42P01"} {
		err := fmt.Errorf("look up: %w", &pgconn.PgError{
			Code: code, Message: "canary", Detail: "canary", Hint: "canary", Where: "canary", InternalQuery: "canary", ConstraintName: "c",
		})
		text := causeAttr(err).Value.String()
		require.Contains(t, text, code)
		require.Contains(t, text, "constraint=c")
		require.NotContains(t, text, "canary")
		require.NotEmpty(t, meanings()[code])
		seen[text] = true
	}
	require.Len(t, seen, 11)
	canceled := fmt.Errorf("%w: %w", context.DeadlineExceeded, &pgconn.PgError{Code: "57014"})
	require.Contains(t, causeAttr(canceled).Value.String(), "the request timed out")
	require.Contains(t, causeAttr(errors.New("connection refused")).Value.String(), "connection refused")
}
