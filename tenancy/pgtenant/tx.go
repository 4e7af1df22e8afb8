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

// tx is a transaction. What state it is in is asked of the connection, which has it from the server; the only states
// kept here are those that the server can't know: not begun, refused, over.
type tx struct {
	driver   *Driver
	ctx      context.Context //nolint:containedctx // Commit and Rollback have none, and end with BeginTx's, as database/sql has it.
	tenant   tenancy.ID
	begin    string
	readOnly bool

	mu      sync.Mutex
	lease   *lease // nil until the first statement, and once the connection is lost or the context has ended
	open    *rows  // a result that is still being read
	failed  error  // why only a rollback may follow
	wrote   bool   // a statement that may write was sent
	suspect bool   // the session is taken for changed if the next statement succeeds
	done    bool
	unwatch func() bool // ends the watch of the context; nil until the first statement
}

var _ dialect.Tx = (*tx)(nil)

// errPanicked is why a transaction can't continue after a panic.
var errPanicked = errors.New("pgtenant: a statement panicked")

// Exec implements dialect.ExecQuerier.
func (t *tx) Exec(ctx context.Context, query string, args, v any) (err error) {
	o := t.driver.observe(ctx, query)
	err = errPanicked // until it has returned
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

// statement is [newStatement], which runs code of the arguments. It takes the lock only where that panics.
func (t *tx) statement(ctx context.Context, query string, args any) (statement, error) {
	returned := false
	defer func() {
		if !returned {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.abandon()
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
			t.abandon()
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
	err = errPanicked // until it has returned
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

func (t *tx) query(ctx context.Context, s statement) (r *rows, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	returned := false
	defer func() {
		if !returned {
			t.abandon()
		}
	}()
	// While this call reads the result, run settles it; afterwards, the reader's Next or Close does, which holds the lock.
	reading := true
	err = t.run(ctx, s, mayWrite(s.sql), func(o opening) error {
		r, err = s.query(ctx, t.lease, o, func(err error) error {
			switch {
			case reading:
				return err
			case t.done:
				return sql.ErrTxDone // the connection is another user's by now
			}
			t.open = nil
			return t.settle(ctx, err)
		})
		if err == nil && !r.ended {
			t.open, r.mu = r, &t.mu
		}
		return err
	})
	reading, returned = false, true
	return r, err
}

// run sends a statement, and once more where it opens the transaction and nothing of it has run. The caller holds the lock.
func (t *tx) run(ctx context.Context, s statement, writes bool, send func(opening) error) error {
	o, err := t.next(ctx, s)
	if err != nil {
		return err
	}
	t.wrote = t.wrote || writes
	err = send(o)
	if r := o.remedy(ctx, err); r != noRemedy {
		if err = t.reopen(ctx, r); err == nil {
			err = send(opening{})
		}
	}
	if err == nil && t.open != nil { // its outcome comes with its last row
		return nil
	}
	return t.settle(ctx, err)
}

// abandon gives the connection up where a statement panicked: in which state it is can't be told.
func (t *tx) abandon() {
	t.failed = errPanicked
	if t.lease != nil {
		t.lease.destroy()
		t.lease = nil
	}
}

// next admits a statement: it must be the transaction's tenant's, and the transaction must be able to continue. With the
// first statement comes the BEGIN that has to go out with it.
func (t *tx) next(ctx context.Context, s statement) (o opening, err error) {
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
		return o, t.goesOn()
	}
	if t.lease, err = t.driver.lease(ctx, t.tenant); err != nil {
		t.failed = err // if the first statement failed, the transaction must not continue
	}
	t.unwatch = context.AfterFunc(t.ctx, t.expire) //nolint:contextcheck,nolintlint // the context has ended then
	return opening{begin: t.begin, check: true}, err
}

// goesOn is an error when the connection is not inside a transaction that can continue.
func (t *tx) goesOn() error {
	if t.lease.conn().IsClosed() {
		return fmt.Errorf("%w: %w (%w)", ErrTxAborted, ErrConnection, ErrNoEffect)
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
	if t.lease == nil { // it could not be replaced, or the context has ended
		t.failed = firstError(t.failed, err)
		return t.failed
	}
	state := t.goesOn()
	if err == nil && state == nil {
		t.lease.spoiled = t.lease.spoiled || t.suspect
		t.suspect = false
		return nil
	}
	err = firstError(t.lease.translate(ctx, t.tenant, t.effect(), err), state)
	if state != nil {
		t.failed = err
	}
	if t.lease.conn().IsClosed() { // the transaction may never be ended, where a panic closed it
		t.lease.release()
		t.lease = nil
	}
	return err
}

// effect is what statements of the transaction have done where their answer is lost: nothing, as long as it isn't committed.
func (t *tx) effect() effect {
	if t.readOnly {
		return readOnlyEffect
	}
	return noEffect
}

// Commit implements driver.Tx. It returns [ErrTxAborted], and nothing is written, after a statement has failed, and the
// context's error when that has ended before. Where the answer of the server is lost, it returns [ErrOutcomeUnknown].
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
	// The commit of a failed transaction is no error to PostgreSQL: it answers ROLLBACK.
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
	t.rollback()
	return nil
}

// rollback ends the transaction on the server. Where that can't be done, the connection is closed, and the server does
// it.
//
//nolint:contextcheck,nolintlint // contextcheck reads this for all callers: the context may have ended
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

// expire gives the connection back when the transaction's context ends: what began the transaction may have panicked, and
// never end it.
func (t *tx) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done || t.lease == nil {
		return
	}
	t.failed = firstError(t.failed, fmt.Errorf("pgtenant: transaction ended by its context: %w (%w)", t.ctx.Err(), ErrNoEffect))
	t.rollback()
	t.lease.release()
	t.lease = nil
}

// command sends a transaction command by the extended protocol, which takes one statement and no more.
func (t *tx) command(ctx context.Context, command string) (pgconn.CommandTag, error) {
	return t.lease.conn().PgConn().ExecParams(ctx, command, nil, nil, nil, nil).Close()
}

// finish ends the transaction for its callers and gives the connection back.
func (t *tx) finish() {
	t.done = true
	if t.unwatch != nil {
		t.unwatch()
	}
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
