package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy"
)

// Prelude takes a connection and returns a function that sends an empty statement on it behind the driver's prelude, with
// or without the session's check, the process that serves the connection, and what gives it back.
func Prelude(ctx context.Context, d *Driver, checked bool) (pid uint32, run func() error, done func(), err error) {
	l, err := d.lease(ctx, tenancy.ID{})
	if err != nil {
		return 0, nil, nil, err
	}
	session, err := l.session(ctx)
	if err != nil {
		l.release()
		return 0, nil, nil, err
	}
	run = func() error {
		batch := &pgx.Batch{}
		if checked {
			batch.Queue(checkSession, Setting, "", session.values)
		} else {
			batch.Queue(setTenant, Setting, "")
		}
		batch.Queue("select 1")
		return l.conn().SendBatch(ctx, batch).Close()
	}
	return l.conn().PgConn().PID(), run, l.release, nil
}
