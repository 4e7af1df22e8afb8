package pgtenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
)

const (
	// openStatus is PostgreSQL's transaction status inside a transaction that has not failed.
	openStatus = 'T'
	// rollbackTimeout bounds a rollback, which has to happen even where the caller's context has ended.
	rollbackTimeout = 5 * time.Second
)

// tx is a transaction. What state it is in is asked of the connection, which knows it from the server; the only states
// kept here are those that the server can't know: not begun, refused, over.
type tx struct {
	driver *Driver
	ctx    context.Context //nolint:containedctx // Commit and Rollback have none, and end with BeginTx's, as database/sql has it.
	tenant tenancy.ID
	begin  string

	mu     sync.Mutex
	lease  *lease // nil until the first statement
	open   *rows  // a result that is still being read
	failed error  // why only a rollback may follow
	done   bool
}

var _ dialect.Tx = (*tx)(nil)

// Exec implements dialect.ExecQuerier.
func (t *tx) Exec(ctx context.Context, query string, args, v any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, begin, err := t.next(ctx, query, args)
	if err != nil {
		return err
	}
	tag, err := s.exec(ctx, t.lease.conn(), begin)
	if err := t.settle(ctx, err); err != nil {
		return err
	}
	return setResult(v, tag)
}

// Query implements dialect.ExecQuerier.
func (t *tx) Query(ctx context.Context, query string, args, v any) error {
	out, err := target(v)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, begin, err := t.next(ctx, query, args)
	if err != nil {
		return err
	}
	// While this call reads the result, it holds the lock; afterwards, the reader's Next or Close ends the result.
	reading := true
	r, err := s.query(ctx, t.lease.conn(), begin, func(err error) error {
		if !reading {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.open = nil
		}
		if t.done {
			return sql.ErrTxDone // the connection is somebody else's by now
		}
		return t.settle(ctx, err)
	})
	reading = false
	if err != nil {
		return err
	}
	if !r.ended {
		t.open = r
	}
	out.ColumnScanner = r
	return nil
}

// next admits a statement: it must be the transaction's tenant's, and the transaction must be able to go on. With the
// first statement comes the BEGIN that has to go out with it.
func (t *tx) next(ctx context.Context, query string, args any) (s statement, begin string, err error) {
	switch s, err = newStatement(ctx, query, args); {
	case err != nil:
		return s, "", err
	case s.tenant != t.tenant:
		return s, "", tenancy.ErrTenantMismatch
	case t.done:
		return s, "", sql.ErrTxDone
	case t.failed != nil:
		return s, "", fmt.Errorf("%w: %w", ErrTxAborted, t.failed)
	case t.open != nil:
		return s, "", ErrRowsOpen
	case t.lease != nil:
		return s, "", t.goesOn()
	}
	if t.lease, err = t.driver.lease(ctx, t.tenant); err != nil {
		t.failed = err // a unit of work whose first statement is missing is not that unit of work
	}
	return s, t.begin, err
}

// goesOn is an error when the connection is not inside a transaction that may go on.
func (t *tx) goesOn() error {
	if t.lease.conn().IsClosed() {
		return fmt.Errorf("%w: %w", ErrTxAborted, ErrConnection)
	}
	if t.lease.status() != openStatus {
		return ErrTxAborted
	}
	return nil
}

// settle takes a statement's outcome. An opening batch that failed while it was prepared or encoded never sent its
// BEGIN, and what followed would commit by itself; so whatever leaves the connection outside of a healthy
// transaction ends this one.
func (t *tx) settle(ctx context.Context, err error) error {
	state := t.goesOn()
	if err == nil && state == nil {
		return nil
	}
	err = firstError(translate(ctx, t.tenant, err), state)
	if state != nil {
		t.failed = err
	}
	return err
}

// Commit implements driver.Tx. It is [ErrTxAborted], and nothing is written, after a statement has failed; it is the
// context's error when that has ended.
func (t *tx) Commit() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return sql.ErrTxDone
	}
	defer t.finish()
	if err := t.mayCommit(); err != nil {
		return errors.Join(err, t.rollback())
	}
	if t.lease == nil { // unused
		return nil
	}
	tag, err := t.command(t.ctx, "commit")
	if err != nil {
		return errors.Join(translate(t.ctx, t.tenant, err), t.rollback())
	}
	// The commit of a failed transaction is no error to PostgreSQL: it answers ROLLBACK.
	if tag.String() != "COMMIT" {
		return ErrTxAborted
	}
	return nil
}

func (t *tx) mayCommit() error {
	switch {
	case t.ctx.Err() != nil:
		return fmt.Errorf("pgtenant: not committed: %w", t.ctx.Err())
	case t.open != nil:
		return ErrRowsOpen
	case t.failed != nil:
		return fmt.Errorf("%w: %w", ErrTxAborted, t.failed)
	case t.lease == nil:
		return nil
	}
	return t.goesOn()
}

// Rollback implements driver.Tx. It works after the context has ended, too.
func (t *tx) Rollback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return sql.ErrTxDone
	}
	defer t.finish()
	return t.rollback()
}

// rollback ends the transaction on the server. Where that can't be done, the connection is closed, and the server does
// it.
func (t *tx) rollback() error {
	if t.lease == nil {
		return nil
	}
	if t.open != nil {
		t.open.drain()
	}
	if t.lease.conn().IsClosed() || t.lease.status() == idleStatus {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackTimeout)
	defer cancel()
	if _, err := t.command(ctx, "rollback"); err != nil {
		_ = t.lease.conn().Close(ctx)
	}
	return nil
}

// command sends a transaction command by the extended protocol, which takes one statement and no more.
func (t *tx) command(ctx context.Context, command string) (pgconn.CommandTag, error) {
	return t.lease.conn().PgConn().ExecParams(ctx, command, nil, nil, nil, nil).Close()
}

// finish ends the transaction for its callers and gives the connection back.
func (t *tx) finish() {
	t.done = true
	if t.lease != nil {
		t.lease.release()
	}
}

// beginSQL spells the options as PostgreSQL's BEGIN has them.
func beginSQL(opts *sql.TxOptions) (string, error) {
	begin := "begin"
	if opts == nil {
		return begin, nil
	}
	switch opts.Isolation {
	case sql.LevelDefault:
	case sql.LevelReadUncommitted, sql.LevelReadCommitted:
		begin += " isolation level read committed"
	case sql.LevelRepeatableRead, sql.LevelSnapshot:
		begin += " isolation level repeatable read"
	case sql.LevelSerializable:
		begin += " isolation level serializable"
	default:
		return "", fmt.Errorf("%w: isolation level %s", ErrArgument, opts.Isolation)
	}
	if opts.ReadOnly {
		begin += " read only"
	}
	return begin, nil
}
