package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// failure is the one place that says what an error looks like to the caller. What it doesn't know is a 500.
func failure(err error) *problem.Problem {
	var known *problem.Problem
	var attempts *account.AttemptsError
	var fault *secrets.FaultError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &attempts):
		return problem.New(http.StatusTooManyRequests, problem.CodeTooManyAttempts,
			"Too many attempts. Try again later.").RetryAfter(attempts.RetryAfter)
	case errors.Is(err, account.ErrCredentials):
		return problem.New(http.StatusUnauthorized, problem.CodeInvalidCredentials,
			"The e-mail address or the password is wrong.").With("WWW-Authenticate", `Bearer realm="konstruct"`)
	case errors.Is(err, account.ErrNoSession):
		return problem.Unauthenticated()
	case errors.As(err, &fault):
		return secretFaults(err)
	case errors.Is(err, channel.ErrSignature):
		return problem.New(http.StatusUnauthorized, problem.CodeInvalidSignature, "The signature is missing, wrong or too old.")
	case errors.Is(err, channel.ErrPayload):
		return problem.General(http.StatusBadRequest)
	}
	if p := operationFailure(err); p != nil {
		return p
	}
	return serverFailure(err).Because(err)
}

func operationFailure(err error) *problem.Problem {
	switch {
	case errors.Is(err, operation.ErrNotFound):
		return problem.NotFound()
	case errors.Is(err, operation.ErrTaken):
		return problem.Conflict()
	case errors.Is(err, operation.ErrNotEmpty):
		return problem.New(http.StatusConflict, problem.CodeTenantNotEmpty,
			"The tenant isn't empty. Empty it, or delete it with ?purge=true.")
	case errors.Is(err, operation.ErrStale):
		return problem.New(http.StatusPreconditionFailed, problem.CodePreconditionFailed,
			"It has changed since the version in If-Match. Get it again.")
	case errors.Is(err, operation.ErrCursor):
		return problem.Invalid("query.cursor", "expected a cursor of this list")
	case errors.Is(err, operation.ErrRefused):
		return problem.General(http.StatusUnprocessableEntity)
	}
	return nil
}

// serverFailure tells the faults that pass by themselves from those that don't.
func serverFailure(err error) *problem.Problem {
	var db *pgconn.PgError
	switch {
	case errors.Is(err, pgtenant.ErrPoolBusy), errors.Is(err, account.ErrBusy):
		return problem.Overloaded(retrySoon)
	case errors.Is(err, pgtenant.ErrConnection), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem.Unavailable(retrySoon)
	case errors.As(err, &db) && (passing(db.Code) || db.Code == undefinedTable):
		return problem.Unavailable(retrySoon)
	}
	return problem.General(http.StatusInternalServerError)
}

// undefinedTable is what a database says that was not migrated, or is another than it was.
const undefinedTable = "42P01"

// passing holds for PostgreSQL's codes of what another try may not meet: connection faults (08), too many of
// something (53), shutdown and time-outs (57), deadlock and serialization (40), a lock that wasn't had (55P03).
func passing(code string) bool {
	if len(code) != 5 {
		return false
	}
	switch code[:2] {
	case "08", "40", "53", "57":
		return true
	}
	return code == "55P03"
}

// secretFaults names each secret that is at fault, and the rule.
func secretFaults(err error) *problem.Problem {
	p := problem.General(http.StatusUnprocessableEntity)
	for _, fault := range faultsIn(err) {
		field := "body.secrets"
		if fault.Name != "" {
			field += "." + fault.Name
		}
		p.Errors = append(p.Errors, problem.Field{Field: field, Message: fault.Err.Error()})
	}
	return p
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

// keepCause logs why the server failed, whoever made the problem: a handler or huma.
func (s *Server) keepCause(ctx huma.Context, _ string, body any) (any, error) {
	if p, ok := body.(*problem.Problem); ok && p.Unwrap() != nil {
		s.logCause(ctx.Context(), p)
	}
	return body, nil
}

func (s *Server) logCause(ctx context.Context, p *problem.Problem) {
	level := slog.LevelError
	if errors.Is(ctx.Err(), context.Canceled) {
		level = slog.LevelInfo // the client went away
	}
	s.log.LogAttrs(ctx, level, "request failed", slog.String("code", string(p.Code)), causeAttr(p.Unwrap()))
}

// causeAttr is what the log keeps of an error. Of the database's, code and names only: its messages are another
// program's, and can quote values.
func causeAttr(err error) slog.Attr {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		meaning := ""
		switch {
		case errors.Is(err, tenancy.ErrNoTenant):
			meaning = tenancy.ErrNoTenant.Error()
		case db.Code == undefinedTable:
			meaning = "a table is missing: run konstruct migrate up"
		}
		return slog.Group("cause", "sqlstate", db.Code, "constraint", db.ConstraintName, "table", db.TableName, "meaning", meaning)
	}
	return slog.Group("cause", "error", err.Error())
}
