package pgtenant

import (
	"cmp"
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
	// plainBegin begins a transaction with the server's default options.
	plainBegin = "begin"
	// activeStatus is PostgreSQL's transaction status in a transaction that has not failed.
	activeStatus = 'T'
	// rollbackTimeout bounds a rollback, which is sent even after the caller's context has ended.
	rollbackTimeout = 5 * time.Second
)

// tx is a transaction. The server reports whether it is active or aborted. The fields have only the states that it
// can't report: not begun, refused, done.
type tx struct {
	driver   *Driver
	ctx      context.Context //nolint:containedctx // Commit and Rollback end with BeginTx's context, as in database/sql
	tenant   tenancy.ID
	begin    string
	readOnly bool

	mu      sync.Mutex
	lease   *lease     // nil before the first statement, and after the connection is lost or the context has ended
	open    *rowReader // a result that is still being read
	failed  error      // why the transaction is aborted
	wrote   bool       // a statement that may write was sent
	suspect bool       // if the next statement succeeds, the session had been changed
	done    bool
	unwatch func() bool // stops the watch of the context; nil before the first statement
}

var _ dialect.Tx = (*tx)(nil)

var errPanicked = errors.New("pgtenant: a statement panicked")

// Exec implements dialect.ExecQuerier.
func (t *tx) Exec(ctx context.Context, query string, args, v any) (err error) {
	o := t.driver.observe(ctx, query)
	err = errPanicked // unless it returns
	defer func() { o.end(err) }()
	s, err := t.statement(ctx, query, args)
	if err != nil {
		return err
	}
	tag, err := t.exec(ctx, s)
	if err != nil {
		return err
	}
	return setResult(v, tag)
}

// statement calls [newStatement], which runs code of the arguments, without the lock. If that panics, it aborts.
func (t *tx) statement(ctx context.Context, query string, args any) (statement, error) {
	returned := false
	defer func() {
		if !returned {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.abort()
		}
	}()
	s, err := newStatement(ctx, query, args)
	returned = true
	return s, err
}

func (t *tx) exec(ctx context.Context, s statement) (tag pgconn.CommandTag, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	returned := false
	defer func() {
		if !returned {
			t.abort()
		}
	}()
	err = t.run(ctx, s, true, func(o opening) error {
		tag, err = s.exec(ctx, t.lease, o)
		return err
	})
	returned = true
	return tag, err
}

// Query implements dialect.ExecQuerier.
func (t *tx) Query(ctx context.Context, query string, args, v any) (err error) {
	o := t.driver.observe(ctx, query)
	err = errPanicked // unless it returns
	defer func() { o.end(err) }()
	out, err := target(v)
	if err != nil {
		return err
	}
	s, err := t.statement(ctx, query, args)
	if err != nil {
		return err
	}
	r, err := t.query(ctx, s)
	if err != nil {
		return err
	}
	if !r.ended {
		r.observation, o = o, observation{}
	}
	out.ColumnScanner = r
	return nil
}

func (t *tx) query(ctx context.Context, s statement) (r *rowReader, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	returned := false
	defer func() {
		if !returned {
			t.abort()
		}
	}()
	// During this call run records the outcome, afterwards the reader's Next or Close, which holds the lock.
	reading := true
	err = t.run(ctx, s, mayWrite(s.sql), func(o opening) error {
		r, err = s.query(ctx, t.lease, o, func(err error) error {
			switch {
			case reading:
				return err
			case t.done:
				return sql.ErrTxDone // the connection is already used elsewhere
			}
			t.open = nil
			return t.recordOutcome(ctx, err)
		})
		if err == nil && !r.ended {
			t.open, r.mu = r, &t.mu
		}
		return err
	})
	reading, returned = false, true
	return r, err
}

// run sends a statement, and resends the first one if nothing of it has run. The caller holds the lock.
func (t *tx) run(ctx context.Context, s statement, writes bool, send func(opening) error) error {
	o, err := t.admit(ctx, s)
	if err != nil {
		return err
	}
	t.wrote = t.wrote || writes
	err = send(o)
	if r := o.retry(ctx, err); r != noRetry {
		if err = t.reopen(ctx, r); err == nil {
			err = send(opening{})
		}
	}
	if err == nil && t.open != nil { // its outcome comes with its last row
		return nil
	}
	return t.recordOutcome(ctx, err)
}

// abort destroys the connection after a panic: its state is unknown.
func (t *tx) abort() {
	t.failed = errPanicked
	if t.lease != nil {
		t.lease.destroy()
		t.lease = nil
	}
}

// admit checks that a statement has the transaction's tenant and that the transaction is active. It returns what to
// send with the first statement.
func (t *tx) admit(ctx context.Context, s statement) (o opening, err error) {
	switch {
	case s.tenant != t.tenant:
		return o, tenancy.ErrTenantMismatch
	case t.done:
		return o, sql.ErrTxDone
	case t.failed != nil:
		return o, fmt.Errorf("%w: %w", ErrTxAborted, t.failed)
	case t.open != nil:
		return o, ErrRowsOpen
	case t.lease != nil:
		return o, t.checkActive()
	}
	if t.lease, err = t.driver.lease(ctx, t.tenant); err != nil {
		t.failed = err // if the first statement failed, the transaction must not continue
	}
	t.unwatch = context.AfterFunc(t.ctx, t.expire) //nolint:contextcheck,nolintlint // the context has ended by then
	return opening{begin: t.begin, check: true}, err
}

func (t *tx) checkActive() error {
	if t.lease.conn().IsClosed() {
		return fmt.Errorf("%w: %w (%w)", ErrTxAborted, ErrConnection, ErrNoEffect)
	}
	if t.lease.status() != activeStatus {
		return ErrTxAborted
	}
	return nil
}

// recordOutcome records a statement's outcome. If the first one failed before its BEGIN was sent, later ones would
// commit on their own. So the transaction is aborted whenever the connection is not in an active one.
func (t *tx) recordOutcome(ctx context.Context, err error) error {
	if t.lease == nil { // it could not be replaced, or the context has ended
		t.failed = cmp.Or(t.failed, err)
		return t.failed
	}
	state := t.checkActive()
	if err == nil && state == nil {
		t.lease.discard = t.lease.discard || t.suspect
		t.suspect = false
		return nil
	}
	err = cmp.Or(t.lease.translate(ctx, t.tenant, t.effect(), err), state)
	if state != nil {
		t.failed = err
	}
	if t.lease.conn().IsClosed() { // after a panic, the caller may never end the transaction
		t.lease.release()
		t.lease = nil
	}
	return err
}

// effect returns the effect of a lost answer: none, as the transaction is not committed.
func (t *tx) effect() effect {
	if t.readOnly {
		return readOnlyEffect
	}
	return noEffect
}

// Commit implements driver.Tx. After a failed statement it returns [ErrTxAborted], and nothing is written. It returns
// the context's error if that has ended, and [ErrOutcomeUnknown] if the answer is lost.
func (t *tx) Commit() (err error) {
	o := t.driver.observe(t.ctx, "commit")
	defer func() { o.end(err) }()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return sql.ErrTxDone
	}
	defer t.finish()
	if err := t.mayCommit(); err != nil {
		t.rollback()
		return err
	}
	if t.lease == nil { // unused
		return nil
	}
	tag, err := t.command(t.ctx, "commit")
	if err != nil {
		e := t.effect()
		if t.wrote && !t.readOnly {
			e = commitEffect
		}
		err = t.lease.translate(t.ctx, t.tenant, e, err)
		t.rollback()
		return err
	}
	// PostgreSQL answers the commit of a failed transaction with ROLLBACK, not with an error.
	if tag.String() != "COMMIT" {
		return ErrTxAborted
	}
	return nil
}

func (t *tx) mayCommit() error {
	switch {
	case t.ctx.Err() != nil:
		return fmt.Errorf("pgtenant: not committed: %w (%w)", t.ctx.Err(), ErrNoEffect)
	case t.open != nil:
		return ErrRowsOpen
	case t.failed != nil:
		return fmt.Errorf("%w: %w", ErrTxAborted, t.failed)
	case t.lease == nil:
		return nil
	}
	return t.checkActive()
}

// Rollback implements driver.Tx. It also works after the context has ended.
func (t *tx) Rollback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return sql.ErrTxDone
	}
	defer t.finish()
	t.rollback()
	return nil
}

// rollback rolls back on the server, or closes the connection, which has the same effect.
//
//nolint:contextcheck,nolintlint // contextcheck reports all callers; the context may have ended
func (t *tx) rollback() {
	if t.lease == nil {
		return
	}
	if t.open != nil {
		t.open.discard()
	}
	if t.lease.conn().IsClosed() || t.lease.status() == idleStatus {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackTimeout)
	defer cancel()
	if _, err := t.command(ctx, "rollback"); err != nil {
		_ = t.lease.conn().Close(ctx)
	}
}

// expire releases the connection when the context ends: a caller that panicked never ends the transaction.
func (t *tx) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done || t.lease == nil {
		return
	}
	t.failed = cmp.Or(t.failed,
		fmt.Errorf("pgtenant: transaction ended by its context: %w (%w)", t.ctx.Err(), ErrNoEffect))
	t.rollback()
	t.lease.release()
	t.lease = nil
}

// command sends a transaction command by the extended protocol, which takes one statement only.
func (t *tx) command(ctx context.Context, command string) (pgconn.CommandTag, error) {
	return t.lease.conn().PgConn().ExecParams(ctx, command, nil, nil, nil, nil).Close()
}

func (t *tx) finish() {
	t.done = true
	if t.unwatch != nil {
		t.unwatch()
	}
	if t.lease != nil {
		t.lease.release()
	}
}

func beginSQL(opts *sql.TxOptions) (string, error) {
	begin := plainBegin
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
