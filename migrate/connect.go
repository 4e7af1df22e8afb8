package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// closeTimeout bounds how long a clean-up waits for the server after the work's own context has ended.
const closeTimeout = 5 * time.Second

// connect opens one connection that keeps no prepared statements: migrations change the schema under them.
func connect(ctx context.Context, url string, onNotice func(*pgconn.Notice)) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL can't be read") // the cause may repeat it
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.RuntimeParams["application_name"] = "konstruct migrate"
	if onNotice != nil {
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { onNotice(n) }
	}
	return pgtenant.Connect(ctx, cfg)
}

// closeConn ends a connection, also when ctx has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // the connection is gone either way
}
