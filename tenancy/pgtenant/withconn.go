package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy"
)

// WithConn runs fn on a connection of the pool, then closes the connection. It waits as a statement does and returns
// the same errors, whereas [Driver.Pool] fails if the server accepts no further connection. What fn sends has no tenant
// and none of the driver's guarantees: use it to read the catalog.
func (d *Driver) WithConn(ctx context.Context, fn func(*pgx.Conn) error) error {
	l, err := d.lease(ctx, tenancy.ID{})
	if err != nil {
		return err
	}
	defer l.destroy()
	return fn(l.conn())
}
