package migrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// lockTable has no rows; a running migration holds an EXCLUSIVE lock on it. The application may read it, and so take an
// ACCESS SHARE lock, which does not stand in the way. Advisory locks would not do: anybody may take those.
const lockTable = "migration_lock"

// lock is held for as long as its connection lives.
type lock struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

// acquire waits until nobody else migrates this database.
func acquire(ctx context.Context, conn *pgx.Conn, log *slog.Logger) (*lock, error) {
	l := &lock{conn: conn}
	err := l.try(ctx, " NOWAIT")
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "55P03" {
		log.InfoContext(ctx, "another migration is running: waiting for it")
		err = l.try(ctx, "")
	}
	if err != nil {
		return nil, fmt.Errorf("migration lock: %w", err)
	}
	return l, nil
}

func (l *lock) try(ctx context.Context, nowait string) error {
	tx, err := l.conn.Begin(ctx)
	if err != nil {
		return err
	}
	for _, stmt := range []string{
		// The transaction idles while the files run, and waits for as long as the caller's context says.
		"SET LOCAL idle_in_transaction_session_timeout = 0",
		"SET LOCAL statement_timeout = 0",
		"SET LOCAL lock_timeout = 0",
		"LOCK TABLE " + rls.Quote(revisionsSchema, lockTable) + " IN EXCLUSIVE MODE" + nowait,
	} {
		if _, err := tx.Exec(ctx, stmt); err != nil {
			return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
		}
	}
	l.tx = tx
	return nil
}

// held errs when the connection, and with it the lock, is gone.
func (l *lock) held(ctx context.Context) error {
	if _, err := l.tx.Exec(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("migration lock is lost: %w", err)
	}
	return nil
}

func (l *lock) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = l.tx.Rollback(ctx) // it wrote nothing, and closing the connection ends it too
}
