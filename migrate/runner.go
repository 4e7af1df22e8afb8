package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// fileAttempts is how often a file is started again that could not get a lock in time.
const fileAttempts = 10

// runner applies chains as the owner.
type runner struct {
	Options

	// dial opens a connection that acts as the owner. Each file has one of its own: nothing that a file sets for its
	// session reaches the next.
	dial func(context.Context) (*pgx.Conn, error)
	// between is called after each file, with its name. It may be nil.
	between func(ctx context.Context, file string) error
	// observe is given the database's snapshots before and after each file. It may be nil.
	observe func(f file, before, after doctor.Snapshot)
	// unrecorded: the database had no snapshot when the run began.
	unrecorded bool
}

// StatementError is a statement that failed.
type StatementError struct {
	File string
	Line int
	Err  error
}

// Error implements error.
func (e *StatementError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap gives PostgreSQL's error.
func (e *StatementError) Unwrap() error { return e.Err }

func (r *runner) run(ctx context.Context) (Result, error) {
	loaded := make([][]file, len(r.Chains))
	for i, c := range r.Chains {
		files, err := c.load()
		if err != nil {
			return Result{}, err
		}
		if err := lintErrors(files); err != nil {
			return Result{}, err
		}
		loaded[i] = files
	}
	conn, err := r.dial(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("migrate: %w", err)
	}
	defer closeConn(ctx, conn)
	if err := r.prepare(ctx, conn); err != nil {
		return Result{}, err
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

// finish makes sure that a snapshot is recorded, also where no file was pending.
func (r *runner) finish(ctx context.Context) error {
	if len(r.Chains) == 0 {
		return nil
	}
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

// apply compares every chain before it applies any.
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
			if err := r.between(ctx, f.name); err != nil {
				return result, fmt.Errorf("after %s: %w", f.name, err)
			}
		}
	}
	return result, nil
}

// applyFile starts a file again when a table that it needs was in use for too long.
func (r *runner) applyFile(ctx context.Context, l *lock, c Chain, f file) error {
	for attempt := 1; ; attempt++ {
		start := time.Now()
		err := r.attempt(ctx, l, c, f)
		if err == nil {
			r.Logger.InfoContext(ctx, "migration applied", "chain", c.Name, "file", f.name, "took", time.Since(start))
			return nil
		}
		if attempt == fileAttempts || !inUse(err) {
			return err
		}
		r.Logger.WarnContext(ctx, "migration starts again: a table is in use", "file", f.name, "attempt", attempt, "error", err)
		if err := pause(ctx, time.Duration(attempt)*100*time.Millisecond); err != nil {
			return err
		}
	}
}

func inUse(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{"55P03", "40P01", "40001"}, pgErr.Code)
}

// attempt runs a file and its revision row in one transaction.
func (r *runner) attempt(ctx context.Context, l *lock, c Chain, f file) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	defer closeConn(ctx, conn) // ends what was not committed
	start := time.Now()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if err := r.configure(ctx, tx); err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	before, err := r.take(ctx, tx)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if err := execute(ctx, conn.PgConn(), f); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, fmt.Sprintf(insertRevision, c.table()), f.version, f.desc, len(f.stmts), start.UTC(),
		int64(time.Since(start)), f.hash, r.Operator); err != nil {
		return fmt.Errorf("%s: revision: %w", f.name, err)
	}
	if err := r.record(ctx, tx, c, f, before); err != nil {
		return fmt.Errorf("%s: snapshot: %w", f.name, err)
	}
	if err := l.held(ctx); err != nil { // another run may have begun
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%s: commit: %w", f.name, err)
	}
	return nil
}

// configure sets what a file may rely on. With row_security off, a statement that would silently see no row of a
// forced table, a backfill for one, fails instead.
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

// execute sends the statements one by one through the extended protocol, which takes no second one.
func execute(ctx context.Context, conn *pgconn.PgConn, f file) error {
	for _, stmt := range f.stmts {
		line := 1 + strings.Count(f.text[:stmt.Pos], "\n")
		tag, err := conn.ExecParams(ctx, stmt.Text, nil, nil, nil, nil).Close()
		if err != nil {
			return &StatementError{File: f.name, Line: line, Err: err}
		}
		// COMMIT AND CHAIN ends a transaction, too, and leaves another one.
		if conn.TxStatus() != 'T' || slices.Contains([]string{"COMMIT", "ROLLBACK"}, tag.String()) {
			return &StatementError{File: f.name, Line: line, Err: errTransactionControl}
		}
	}
	return nil
}

// prepare makes the revision tables and the lock table, where they are missing. Two who do it at once collide, and the
// loser finds them made.
func (r *runner) prepare(ctx context.Context, conn *pgx.Conn) error {
	for attempt := 1; ; attempt++ {
		err := r.prepareOnce(ctx, conn)
		if err == nil {
			return nil
		}
		if attempt == bootstrapAttempts || !collided(err) {
			return fmt.Errorf("revision table: %w", err)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func (r *runner) prepareOnce(ctx context.Context, conn *pgx.Conn) error {
	lockName := rls.Quote(revisionsSchema, lockTable)
	if err := ensure(ctx, conn, revisionsSchema, lockName, fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s ()", lockName)); err != nil {
		return err
	}
	for _, c := range r.Chains {
		if err := ensure(ctx, conn, c.Revisions, c.table(), fmt.Sprintf(createRevisions, c.table())); err != nil {
			return err
		}
		if err := ensure(ctx, conn, c.Revisions, c.snapshots(), fmt.Sprintf(createSnapshots, c.snapshots())); err != nil {
			return err
		}
	}
	return nil
}

// ensure makes a table that the application may read, in a schema of its own, unless it is there.
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
