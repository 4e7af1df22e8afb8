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

// failureFor returns the problem for the request's principal. Only a platform admin learns which value is in use,
// unless it is in use in the tenant of the request.
func failureFor(ctx context.Context, err error) *problem.Problem {
	p := failure(err)
	taken, ok := errors.AsType[*operation.TakenError](err)
	own := ok && taken.Own
	if p.Code == problem.CodeConflict && !requestOf(ctx).principal.IsAdmin && !own {
		p.Errors = nil
	}
	return p
}

// failure is the only place that maps errors to problems. An unknown error is a 500.
func failure(err error) *problem.Problem {
	if known, ok := errors.AsType[*problem.Problem](err); ok {
		return known
	}
	p := problem.New(codeOf(err))
	p.Errors = fieldsOf(err)
	if attempts, ok := errors.AsType[*account.AttemptsError](err); ok {
		return p.RetryAfter(attempts.RetryAfter)
	}
	if last, ok := errors.AsType[*operation.LastOwnerError](err); ok {
		return p.WithDetail(lastOwnerDetail(last))
	}
	if link, ok := errors.AsType[*account.LinkError](err); ok {
		return p.WithDetail(linkDetails()[link.Reason])
	}
	if p.Status >= http.StatusInternalServerError {
		return p.Because(err)
	}
	return p
}

// lastOwnerDetail names the tenants to a platform admin.
func lastOwnerDetail(last *operation.LastOwnerError) string {
	const most = 20
	ids := make([]string, 0, most)
	for _, id := range last.Tenants[:min(len(last.Tenants), most)] {
		ids = append(ids, id.String())
	}
	return "The user is the only owner of tenants; give each another owner first: " + strings.Join(ids, ", ") + "."
}

// linkDetails are the reasons why a link cannot be used.
func linkDetails() map[string]string {
	return map[string]string{
		account.LinkUnknown: "The link is invalid; ask for a new one.",
		account.LinkExpired: "The link has expired; ask for a new one.",
		account.LinkUsed:    "The link was already used.",
		account.LinkRevoked: "The link was revoked; ask for a new one.",
	}
}

// codeOf distinguishes the caller's errors from those of the server, unknown outcomes from requests without effect, and
// temporary failures from permanent ones. The first match wins.
func codeOf(err error) problem.Code {
	for _, known := range []struct {
		err  error
		code problem.Code
	}{
		{account.ErrTooManyAttempts, problem.CodeTooManyAttempts},
		{account.ErrCredentials, problem.CodeInvalidCredentials},
		{account.ErrNoSession, problem.CodeUnauthenticated},
		{channel.ErrUnverified, problem.CodeInvalidSignature},
		{account.ErrIncorrect, problem.CodeValidation},
		{account.ErrEmail, problem.CodeValidation},
		{account.ErrName, problem.CodeValidation},
		{account.ErrTaken, problem.CodeConflict},
		{account.ErrLastAdmin, problem.CodeLastAdmin},
		{account.ErrLink, problem.CodeInvalidLink},
		{account.ErrNoMail, problem.CodeNoMail},
		{operation.ErrLastOwner, problem.CodeLastOwner},
		{operation.ErrLimit, problem.CodeLimitReached},
		{operation.ErrLoginRequired, problem.CodeLoginRequired},
		{operation.ErrWrongAccount, problem.CodeWrongAccount},
		{operation.ErrUnproven, problem.CodeUnprovenAddress},
		{operation.ErrSuspended, problem.CodeTenantSuspended},
		{operation.ErrKeyReused, problem.CodeKeyReused},
		{operation.ErrInProgress, problem.CodeInProgress},
		{operation.ErrNotFound, problem.CodeNotFound},
		{operation.ErrTaken, problem.CodeConflict},
		{operation.ErrNotEmpty, problem.CodeTenantNotEmpty},
		{operation.ErrStale, problem.CodePreconditionFailed},
		{operation.ErrCursor, problem.CodeValidation},
		{operation.ErrInvalid, problem.CodeValidation},
		{pgtenant.ErrOutcomeUnknown, problem.CodeOutcomeUnknown},
		{pgtenant.ErrPoolBusy, problem.CodeOverloaded},
		{account.ErrBusy, problem.CodeOverloaded},
		{pgtenant.ErrNoEffect, problem.CodeUnavailable},
		{context.DeadlineExceeded, problem.CodeUnavailable},
		{context.Canceled, problem.CodeUnavailable},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	if len(faultsIn(err)) > 0 {
		return problem.CodeValidation
	}
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		if db.Code == "23503" && strings.HasSuffix(db.ConstraintName, "_tenant_id_fkey") {
			return problem.CodeNotFound // the tenant was deleted after the request was authorized
		}
		return databaseFailure(db.Code)
	}
	return problem.CodeInternal
}

// databaseFailure maps PostgreSQL's error codes (manual, appendix A). A failed statement was rolled back, unless the
// connection ended with the error.
func databaseFailure(code string) problem.Code {
	switch {
	case strings.HasPrefix(code, "08"), code == "57P01", code == "57P02": // the connection was lost
		return problem.CodeOutcomeUnknown
	case strings.HasPrefix(code, "40"), // deadlock, serialization
		strings.HasPrefix(code, "53"),    // too many connections, disk full, out of memory
		strings.HasPrefix(code, "57"),    // statement_timeout, starting up
		code == "25006",                  // read-only
		code == "25P03", code == "25P04", // transaction timeouts
		code == "55P03", // lock_timeout
		code == "42P01": // undefined table: not migrated
		return problem.CodeUnavailable
	}
	return problem.CodeInternal
}

// fieldsOf returns the fields that the error is about.
func fieldsOf(err error) (fields []problem.Field) {
	if taken, ok := errors.AsType[*operation.TakenError](err); ok {
		return []problem.Field{{Field: "body." + taken.Field, Code: problem.FieldTaken, Message: "already in use"}}
	}
	for _, known := range []struct {
		err      error
		field    string
		code     problem.FieldCode
		expected string
	}{
		{account.ErrIncorrect, "body.current_password", problem.FieldIncorrect, "the current password"},
		{account.ErrEmail, "body.email", problem.FieldFormat, "an e-mail address"},
		{account.ErrName, "body.name", problem.FieldPattern, "a name that is not blank"},
		{operation.ErrCursor, "query.cursor", problem.FieldCursor, "a next_cursor of this list"},
	} {
		if errors.Is(err, known.err) {
			return []problem.Field{{Field: known.field, Code: known.code, Message: "expected " + known.expected}}
		}
	}
	for _, fault := range faultsIn(err) {
		message := strings.TrimPrefix(fault.Err.Error(), "secrets: ")
		field := "body.secrets"
		if fault.Name != "" {
			field += "." + fault.Name
		}
		fields = append(fields, problem.Field{Field: field, Code: secretCode(fault), Message: message})
	}
	return fields
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

func faultsIn(err error) (faults []*secrets.FaultError) {
	switch err := err.(type) { //nolint:errorlint // the tree is walked by hand
	case *secrets.FaultError:
		return []*secrets.FaultError{err}
	case interface{ Unwrap() error }:
		return faultsIn(err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, one := range err.Unwrap() {
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
