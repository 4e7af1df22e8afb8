package migrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// lockTable has no rows. A running migration holds an EXCLUSIVE lock on it. The application role can only take an
// ACCESS SHARE lock, which does not conflict, whereas any role could take an advisory lock.
const lockTable = "migration_lock"

// lock is held while its transaction is open.
type lock struct{ tx pgx.Tx }

// acquire waits for a concurrent migration of this database.
func acquire(ctx context.Context, conn *pgx.Conn, log *slog.Logger) (*lock, error) {
	tx, err := lockIn(ctx, conn, " NOWAIT")
	if hasCode(err, "55P03") {
		log.InfoContext(ctx, "waiting for another migration to finish")
		tx, err = lockIn(ctx, conn, "")
	}
	if err != nil {
		return nil, fmt.Errorf("migration lock: %w", err)
	}
	return &lock{tx}, nil
}

// lockIn takes the lock in a new transaction.
func lockIn(ctx context.Context, conn *pgx.Conn, nowait string) (pgx.Tx, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	for _, stmt := range []string{
		// The transaction is idle while the files run. Only the caller's context bounds the wait.
		"SET LOCAL idle_in_transaction_session_timeout = 0",
		"SET LOCAL statement_timeout = 0",
		"SET LOCAL lock_timeout = 0",
		"LOCK TABLE " + rls.Quote(revisionsSchema, lockTable) + " IN EXCLUSIVE MODE" + nowait,
	} {
		if _, err := tx.Exec(ctx, stmt); err != nil {
			return nil, errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
		}
	}
	return tx, nil
}

// held returns an error if the connection, and so the lock, is lost.
func (l *lock) held(ctx context.Context) error {
	if _, err := l.tx.Exec(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("migration lock lost: %w", err)
	}
	return nil
}

func (l *lock) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = l.tx.Rollback(ctx) // closing the connection releases the lock, too
}
