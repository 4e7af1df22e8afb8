package pgtenant

import (
	"context"

	"github.com/konstruct/konstruct/tenancy"
)

// Prelude leases a connection. It returns its process id, a function that sends a prelude, with or without the
// session's check, and a function that releases it.
func Prelude(ctx context.Context, d *Driver, checked bool) (pid uint32, run func() error, done func(), err error) {
	l, err := d.lease(ctx, tenancy.ID{})
	if err != nil {
		return 0, nil, nil, err
	}
	c, err := l.state(ctx)
	if err != nil {
		l.release()
		return 0, nil, nil, err
	}
	run = func() error {
		a, _, err := c.run(ctx, opening{check: checked}, statement{sql: "select 1"})
		if err == nil {
			_, err = a.end()
		}
		return err
	}
	return l.conn().PgConn().PID(), run, l.release, nil
}

const CheckUser = checkUser

func Cached(ctx context.Context, d *Driver) (int, error) {
	l, err := d.lease(ctx, tenancy.ID{})
	if err != nil {
		return 0, err
	}
	defer l.release()
	c, err := l.state(ctx)
	if err != nil {
		return 0, err
	}
	return c.cache.Len(), nil
}
