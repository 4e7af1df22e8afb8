package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	for _, tt := range []struct {
		name   string
		err    error
		code   problem.Code
		status int
		retry  bool
	}{
		{"a lost commit", fmt.Errorf("commit: %w", errors.Join(pgtenant.ErrConnection, pgtenant.ErrOutcomeUnknown)), problem.CodeOutcomeUnknown, 503, false},
		{"a canceled commit", errors.Join(context.DeadlineExceeded, pgtenant.ErrOutcomeUnknown), problem.CodeOutcomeUnknown, 503, false},
		{"a server shutdown", state("57P01"), problem.CodeOutcomeUnknown, 503, false},
		{"a server crash", state("57P02"), problem.CodeOutcomeUnknown, 503, false},
		{"a pooler without its server", state("08P01"), problem.CodeOutcomeUnknown, 503, false},
		{"a server shutdown during a read", errors.Join(state("57P01"), pgtenant.ErrNoEffect), problem.CodeUnavailable, 503, true},
		{"a lost read", errors.Join(pgtenant.ErrConnection, pgtenant.ErrNoEffect), problem.CodeUnavailable, 503, true},
		{"a deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), problem.CodeUnavailable, 503, true},
		{"a read-only server", pgtenant.ErrReadOnlyServer, problem.CodeUnavailable, 503, true},
		{"a read-only transaction", state("25006"), problem.CodeUnavailable, 503, true},
		{"an idle transaction", state("25P03"), problem.CodeUnavailable, 503, true},
		{"a deadlock", state("40P01"), problem.CodeUnavailable, 503, true},
		{"a full disk", state("53100"), problem.CodeUnavailable, 503, true},
		{"too many connections", state("53300"), problem.CodeUnavailable, 503, true},
		{"lock_timeout", state("55P03"), problem.CodeUnavailable, 503, true},
		{"statement_timeout", state("57014"), problem.CodeUnavailable, 503, true},
		{"a starting server", state("57P03"), problem.CodeUnavailable, 503, true},
		{"a busy pool", fmt.Errorf("x: %w", pgtenant.ErrPoolBusy), problem.CodeOverloaded, 503, true},
		{"busy hashing", account.ErrBusy, problem.CodeOverloaded, 503, true},
		{"a missing table", state("42P01"), problem.CodeUnavailable, 503, true},
		{"a missing grant", state("42501"), problem.CodeInternal, 500, false},
		{"a bug", errors.New("canary"), problem.CodeInternal, 500, false},
		{"a conflict", fmt.Errorf("x: %w (%w)", operation.ErrTaken, state("23505")), problem.CodeConflict, 409, false},
	} {
		p := failure(tt.err)
		require.Equal(t, tt.status, p.Status, tt.name)
		require.Equal(t, tt.code, p.Code, tt.name)
		require.Equal(t, tt.retry, p.GetHeaders().Get("Retry-After") != "", tt.name)
		require.NotContains(t, p.Detail, "canary")
		if tt.status >= http.StatusInternalServerError {
			require.ErrorIs(t, p, tt.err, "%s: the log gets the cause", tt.name)
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
