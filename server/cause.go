package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

// causeAttr returns the log attribute of an error. PostgreSQL's errors are reduced to codes and object names, because
// their texts can contain values.
func causeAttr(err error) slog.Attr {
	return slog.Any("cause", slog.GroupValue(causeAttrs(err)...))
}

func causeAttrs(err error) []slog.Attr {
	db, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return []slog.Attr{slog.String("error", err.Error())}
	}
	attrs := []slog.Attr{slog.String("sqlstate", db.Code)}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("meaning", meaningOf(err, db.Code))
	add("constraint", db.ConstraintName)
	add("table", db.TableName)
	return attrs
}

// causeKind returns a key that is equal for repeated occurrences of a cause.
func causeKind(err error) string {
	if err == nil {
		return ""
	}
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code + db.ConstraintName + db.TableName
	}
	return err.Error()
}

func meaningOf(err error, code string) string {
	switch {
	case errors.Is(err, tenancy.ErrNoTenant):
		return tenancy.ErrNoTenant.Error()
	case code == "57014" && errors.Is(err, context.DeadlineExceeded):
		return "canceled: the request timed out"
	case code == "57014" && errors.Is(err, context.Canceled):
		return "canceled: the client disconnected"
	}
	return meanings()[code]
}

// meanings explains the error codes that operators see most often (PostgreSQL manual, appendix A).
func meanings() map[string]string {
	return map[string]string{
		"08P01": "protocol violation, or the pooler lost its server connection",
		"25006": "the database is read-only",
		"25P03": "idle_in_transaction_session_timeout expired",
		"28000": "the role is not allowed to log in",
		"28P01": "the password was rejected",
		"3D000": "the database does not exist",
		"40001": "serialization failure",
		"40P01": "deadlock",
		"42501": "permission denied",
		"42P01": "a table is missing: run konstruct migrate up",
		"53100": "the disk is full",
		"53200": "out of memory",
		"53300": "too many connections",
		"55P03": "lock_timeout expired",
		"57014": "statement_timeout expired",
		"57P01": "the connection was terminated by an administrator or a shutdown",
		"57P02": "the server crashed",
		"57P03": "the server is starting up, shutting down or in recovery",
	}
}
