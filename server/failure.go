package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// failureFor returns the problem for the request's principal. Only a platform admin learns which value is in use.
func failureFor(ctx context.Context, err error) *problem.Problem {
	p := failure(err)
	if p.Code == problem.CodeConflict && !requestOf(ctx).principal.IsAdmin {
		p.Errors = nil
	}
	return p
}

// failure is the only place that maps errors to problems. An unknown error is a 500.
func failure(err error) *problem.Problem {
	var known *problem.Problem
	var attempts *account.AttemptsError
	var fault *secrets.FaultError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &attempts):
		return problem.New(http.StatusTooManyRequests, problem.CodeTooManyAttempts,
			"Too many login attempts; retry after retry_after seconds.").RetryAfter(attempts.RetryAfter)
	case errors.Is(err, account.ErrCredentials):
		return problem.New(http.StatusUnauthorized, problem.CodeInvalidCredentials,
			"Incorrect e-mail address or password.").With("WWW-Authenticate", `Bearer realm="konstruct"`)
	case errors.Is(err, account.ErrNoSession):
		return problem.Unauthenticated()
	case errors.As(err, &fault):
		return secretFaults(err)
	case errors.Is(err, channel.ErrUnverified):
		return problem.New(http.StatusUnauthorized, problem.CodeInvalidSignature,
			"The request signature is missing, invalid or expired.").With("WWW-Authenticate",
			`Signature realm="konstruct"`)
	}
	if p := operationFailure(err); p != nil {
		return p
	}
	return serverFailure(err).Because(err)
}

func operationFailure(err error) *problem.Problem {
	var taken *operation.TakenError
	switch {
	case errors.Is(err, operation.ErrNotFound):
		return problem.NotFound()
	case errors.As(err, &taken):
		return problem.Conflict("body." + taken.Field)
	case errors.Is(err, operation.ErrTaken):
		return problem.Conflict()
	case errors.Is(err, operation.ErrNotEmpty):
		return problem.New(http.StatusConflict, problem.CodeTenantNotEmpty,
			"The tenant still has agents or channel connections; delete them first or retry with ?purge=true.")
	case errors.Is(err, operation.ErrStale):
		return problem.New(http.StatusPreconditionFailed, problem.CodePreconditionFailed,
			"The resource was modified; fetch it and retry.")
	case errors.Is(err, operation.ErrCursor):
		return problem.Invalid(problem.Field{
			Field: "query.cursor", Code: problem.FieldCursor, Message: "expected a next_cursor of this list",
		})
	case errors.Is(err, operation.ErrInvalid):
		return problem.General(http.StatusUnprocessableEntity)
	}
	return nil
}

// serverFailure distinguishes unknown outcomes from requests without effect, and temporary failures from permanent
// ones.
func serverFailure(err error) *problem.Problem {
	var db *pgconn.PgError
	switch {
	case errors.Is(err, pgtenant.ErrOutcomeUnknown):
		return problem.OutcomeUnknown()
	case errors.Is(err, pgtenant.ErrPoolBusy), errors.Is(err, account.ErrBusy):
		return problem.Overloaded(retrySoon)
	case errors.Is(err, pgtenant.ErrNoEffect), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled):
		return problem.Unavailable(retrySoon)
	case errors.As(err, &db):
		return databaseFailure(db.Code)
	}
	return problem.General(http.StatusInternalServerError)
}

// databaseFailure maps PostgreSQL's error codes (manual, appendix A). A failed statement was rolled back, unless the
// connection ended with the error.
func databaseFailure(code string) *problem.Problem {
	switch {
	case strings.HasPrefix(code, "08"), code == "57P01", code == "57P02": // the connection was lost
		return problem.OutcomeUnknown()
	case strings.HasPrefix(code, "40"), // deadlock, serialization
		strings.HasPrefix(code, "53"),    // too many connections, disk full, out of memory
		strings.HasPrefix(code, "57"),    // statement_timeout, starting up
		code == "25006",                  // read-only
		code == "25P03", code == "25P04", // transaction timeouts
		code == "55P03", // lock_timeout
		code == "42P01": // undefined table: not migrated
		return problem.Unavailable(retrySoon)
	}
	return problem.General(http.StatusInternalServerError)
}

// secretFaults returns a problem with a field for each invalid secret.
func secretFaults(err error) *problem.Problem {
	p := problem.General(http.StatusUnprocessableEntity)
	for _, fault := range faultsIn(err) {
		message := strings.TrimPrefix(fault.Err.Error(), "secrets: ")
		field := "body.secrets"
		if fault.Name != "" {
			field += "." + fault.Name
		}
		p.Errors = append(p.Errors, problem.Field{Field: field, Code: secretCode(fault), Message: message})
	}
	return p
}

func secretCode(fault *secrets.FaultError) problem.FieldCode {
	switch {
	case errors.Is(fault, secrets.ErrName):
		return problem.FieldPattern
	case errors.Is(fault, secrets.ErrEmpty):
		return problem.FieldTooShort
	case errors.Is(fault, secrets.ErrRedacted):
		return problem.FieldRedacted
	case errors.Is(fault, secrets.ErrTooLarge):
		return problem.FieldTooLong
	case errors.Is(fault, secrets.ErrTooMany):
		return problem.FieldTooMany
	}
	return problem.FieldDisallowed
}

func faultsIn(err error) []*secrets.FaultError {
	if fault, ok := err.(*secrets.FaultError); ok { //nolint:errorlint // the tree is walked by hand
		return []*secrets.FaultError{fault}
	}
	var faults []*secrets.FaultError
	switch wrapped := err.(type) { //nolint:errorlint // the tree is walked by hand
	case interface{ Unwrap() error }:
		faults = faultsIn(wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range wrapped.Unwrap() {
			faults = append(faults, faultsIn(one)...)
		}
	}
	return faults
}

// keepCause keeps the cause of a problem from a handler or huma for the request's log line.
func (s *Server) keepCause(ctx huma.Context, _ string, body any) (any, error) {
	if p, ok := body.(*problem.Problem); ok {
		requestOf(ctx.Context()).failed(p)
	}
	return body, nil
}
