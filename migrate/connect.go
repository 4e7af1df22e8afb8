package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// closeTimeout bounds a cleanup after the caller's context is done.
const closeTimeout = 5 * time.Second

// connect opens a connection without prepared statements, which a change of the schema would invalidate.
func connect(ctx context.Context, url string, onNotice func(*pgconn.Notice)) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is invalid") // the cause may contain it
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.RuntimeParams["application_name"] = "konstruct migrate"
	if onNotice != nil {
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { onNotice(n) }
	}
	return pgtenant.Connect(ctx, cfg)
}

// closeConn closes a connection even if ctx is done.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // closed even on error
}
