package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// A file that does not get its locks in time is retried.
const (
	fileAttempts = 10
	filePause    = 100 * time.Millisecond
)

// runner applies chains as the owner.
type runner struct {
	Options

	// dial opens a connection with the owner role. Each file gets a new one, so session settings don't carry over.
	dial func(context.Context) (*pgx.Conn, error)
	// between is called after each file. It may be nil.
	between func(context.Context) error
	// observe receives the snapshots before and after each file. It may be nil.
	observe func(f file, before, after doctor.Snapshot)
	// unrecorded means that the database had no snapshot when the run started.
	unrecorded bool
}

// StatementError is returned when a statement of a file fails.
type StatementError struct {
	File string
	Line int
	Err  error
}

// Error implements error.
func (e *StatementError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns PostgreSQL's error.
func (e *StatementError) Unwrap() error { return e.Err }

func (r *runner) run(ctx context.Context) (Result, error) {
	loaded := make([][]file, len(r.Chains))
	for i, c := range r.Chains {
		var err error
		if loaded[i], err = c.load(); err != nil {
			return Result{}, err
		}
		if err := lintErrors(loaded[i]); err != nil {
			return Result{}, err
		}
	}
	conn, err := r.dial(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("migrate: %w", err)
	}
	defer closeConn(ctx, conn)
	prepare := func() error { return r.prepare(ctx, conn) }
	if err := retry(ctx, collisionAttempts, collisionPause, collided, prepare); err != nil {
		return Result{}, fmt.Errorf("revision table: %w", err)
	}
	l, err := acquire(ctx, conn, r.Logger)
	if err != nil {
		return Result{}, err
	}
	defer l.release(ctx)
	recorded, err := r.recorded(ctx, l.tx)
	if err != nil {
		return Result{}, fmt.Errorf("snapshots: %w", err)
	}
	r.unrecorded = recorded == nil
	result, err := r.apply(ctx, l, loaded)
	if err != nil {
		return result, err
	}
	return result, r.finish(ctx)
}

// finish records a missing snapshot, even if no file was pending.
func (r *runner) finish(ctx context.Context) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer closeConn(ctx, conn)
	if err := r.recordCurrent(ctx, conn); err != nil {
		return fmt.Errorf("snapshots: %w", err)
	}
	return nil
}

// apply compares all chains with the database before it applies the first file.
func (r *runner) apply(ctx context.Context, l *lock, loaded [][]file) (Result, error) {
	var result Result
	pending := make([][]file, len(r.Chains))
	for i, c := range r.Chains {
		revs, err := c.revisions(ctx, l.tx)
		if err != nil {
			return result, fmt.Errorf("revisions of %s: %w", c.Name, err)
		}
		if pending[i], err = c.pending(loaded[i], revs); err != nil {
			return result, err
		}
		result.Current += len(revs)
	}
	for i, c := range r.Chains {
		for _, f := range pending[i] {
			if err := l.held(ctx); err != nil {
				return result, err
			}
			if err := r.applyFile(ctx, l, c, f); err != nil {
				return result, err
			}
			result.Applied = append(result.Applied, f.name)
			if r.between == nil {
				continue
			}
			if err := r.between(ctx); err != nil {
				return result, fmt.Errorf("after %s: %w", f.name, err)
			}
		}
	}
	return result, nil
}

// applyFile retries a file when it could not lock a table in time.
func (r *runner) applyFile(ctx context.Context, l *lock, c Chain, f file) error {
	attempt := 0
	inUse := func(err error) bool {
		attempt++
		if !hasCode(err, "55P03", "40P01", "40001") {
			return false
		}
		r.Logger.WarnContext(ctx, "migration is retried: a table is in use", "file", f.name, "attempt", attempt,
			"error", err)
		return true
	}
	start := time.Now()
	err := retry(ctx, fileAttempts, filePause, inUse, func() error {
		start = time.Now()
		return r.attempt(ctx, l, c, f)
	})
	if _, located := errors.AsType[*StatementError](err); located {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	r.Logger.InfoContext(ctx, "migration applied", "chain", c.Name, "file", f.name, "took", time.Since(start))
	return nil
}

// attempt runs a file and inserts its revision in one transaction.
func (r *runner) attempt(ctx context.Context, l *lock, c Chain, f file) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn) // rolls back if not committed
	start := time.Now()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := r.configure(ctx, tx); err != nil {
		return err
	}
	var before doctor.Snapshot // needed only to observe the file's changes, or to add them to an earlier snapshot
	if r.observe != nil || !r.unrecorded {
		if before, err = take(ctx, tx, r.Chains); err != nil {
			return err
		}
	}
	if err := execute(ctx, conn.PgConn(), f); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf(insertRevision, c.table()), f.version, f.desc, len(f.stmts), start.UTC(),
		int64(time.Since(start)), f.hash, r.Operator); err != nil {
		return fmt.Errorf("revision: %w", err)
	}
	if err := r.record(ctx, tx, c, f, before); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := l.held(ctx); err != nil { // another run may have started
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// configure applies the session settings of migrations. With row_security off, a statement such as a backfill fails
// where policies would silently hide rows from it.
func (r *runner) configure(ctx context.Context, tx pgx.Tx) error {
	for _, stmt := range []string{
		fmt.Sprintf("SET LOCAL lock_timeout = %d", r.LockTimeout.Milliseconds()),
		"SET LOCAL statement_timeout = 0",
		"SET LOCAL idle_in_transaction_session_timeout = 0",
		"SET LOCAL row_security = off",
		"SET LOCAL search_path = " + publicSchema,
		"SET LOCAL timezone = 'UTC'",
	} {
		if _, err := tx.Exec(ctx, stmt); err != nil {
			return err
		}
	}
	return nil
}

// execute sends each statement separately: the extended protocol rejects more than one.
func execute(ctx context.Context, conn *pgconn.PgConn, f file) error {
	for _, stmt := range f.stmts {
		line := f.line(stmt.Pos)
		tag, err := conn.ExecParams(ctx, stmt.Text, nil, nil, nil, nil).Close()
		if err != nil {
			return &StatementError{File: f.name, Line: line, Err: err}
		}
		// COMMIT AND CHAIN starts another transaction, so the status alone is not enough.
		if conn.TxStatus() != 'T' || slices.Contains([]string{"COMMIT", "ROLLBACK"}, tag.String()) {
			return &StatementError{File: f.name, Line: line, Err: errTransactionControl}
		}
	}
	return nil
}

// prepare creates missing revision and lock tables. It may collide with a concurrent run.
func (r *runner) prepare(ctx context.Context, conn *pgx.Conn) error {
	lockName := rls.Quote(revisionsSchema, lockTable)
	if err := ensure(ctx, conn, revisionsSchema, lockName, "CREATE TABLE IF NOT EXISTS "+lockName+" ()"); err != nil {
		return err
	}
	for _, c := range r.Chains {
		if err := ensure(ctx, conn, c.Revisions, c.table(), fmt.Sprintf(createRevisions, c.table())); err != nil {
			return err
		}
		if err := ensure(ctx, conn, c.Revisions, c.snapshots(),
			fmt.Sprintf(createSnapshots, c.snapshots())); err != nil {
			return err
		}
	}
	return nil
}

// ensure creates a schema and table that the application role may read, if missing.
func ensure(ctx context.Context, conn *pgx.Conn, schema, table, create string) error {
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists); err != nil || exists {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, stmt := range []string{
			"CREATE SCHEMA IF NOT EXISTS " + rls.Quote(schema),
			create,
			"GRANT USAGE ON SCHEMA " + rls.Quote(schema) + " TO " + rls.Quote(AppRole),
			"GRANT SELECT ON " + table + " TO " + rls.Quote(AppRole),
		} {
			if _, err := tx.Exec(ctx, stmt); err != nil {
				return err
			}
		}
		return nil
	})
}
