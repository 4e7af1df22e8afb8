package pgtenant

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy"
)

// WithConn runs fn on a connection of the pool and closes the connection afterwards. It waits for one as a statement does,
// and returns the same errors, so it works where the server grants no connection beyond those in use; [Driver.Pool] fails
// there. What fn sends carries no setting and is outside everything this package promises: it is for reading the catalog.
func (d *Driver) WithConn(ctx context.Context, fn func(*pgx.Conn) error) error {
	l, err := d.lease(ctx, tenancy.ID{})
	if err != nil {
		return err
	}
	defer l.destroy()
	return fn(l.conn())
}
