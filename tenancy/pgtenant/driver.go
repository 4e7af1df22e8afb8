package pgtenant

import (
	"context"
	"database/sql"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/tenancy"
)

// Driver is an Ent dialect.Driver for PostgreSQL that sends every statement under its tenant. It is safe for concurrent
// use. Create it with [Open] or [New].
type Driver struct {
	pool     *pgxpool.Pool
	tenants  *tenantLimiter
	conns    *connLimiter
	timeouts *timeouts
	trips    *RoundTrips // nil for a driver of New
	counts   counts
	resets   bool // sessions are reset after reads
}

var _ dialect.Driver = (*Driver)(nil)

// Dialect implements dialect.Driver.
func (*Driver) Dialect() string { return dialect.Postgres }

// Pool returns the pool, for statistics. A statement sent on it directly has no tenant and none of the driver's
// guarantees.
func (d *Driver) Pool() *pgxpool.Pool { return d.pool }

// Close implements dialect.Driver. It waits for connections in use, then closes all.
func (d *Driver) Close() error {
	d.pool.Close()
	return nil
}

// Exec implements dialect.Driver: it runs a statement in one round trip. v is nil or a *sql.Result. Each statement
// counts as a write.
func (d *Driver) Exec(ctx context.Context, query string, args, v any) (err error) {
	o := d.observe(ctx, query)
	err = errPanicked // unless it returns
	defer func() { o.end(err) }()
	s, err := d.statement(ctx, query, args)
	if err != nil {
		return err
	}
	tag, err := d.exec(ctx, s)
	if err != nil {
		return err
	}
	return setResult(v, tag)
}

func (d *Driver) exec(ctx context.Context, s statement) (tag pgconn.CommandTag, err error) {
	l, err := d.lease(ctx, s.tenant)
	if err != nil {
		return tag, err
	}
	defer l.destroy() // after a panic
	first := opening{check: true}
	tag, err = s.exec(ctx, l, first)
	if r := first.retry(ctx, err); r != noRetry {
		return d.retryExec(ctx, l, s, r)
	}
	if err == nil {
		err = l.checkIdle()
	}
	err = l.translate(ctx, s.tenant, writeEffect, err)
	l.release()
	return tag, err
}

// Query implements dialect.Driver: it runs a statement that returns rows, in one round trip. v is Ent's *sql.Rows.
// Errors up to the first row are returned here, later ones by the rows' Err. A write is read to its end, and committed,
// before Query returns. A SELECT counts as a read, in a transaction too: call a function that writes by Exec, or in a
// WITH query. The result ends with ctx.
func (d *Driver) Query(ctx context.Context, query string, args, v any) (err error) {
	o := d.observe(ctx, query)
	err = errPanicked // unless it returns
	defer func() { o.end(err) }()
	out, err := target(v)
	if err != nil {
		return err
	}
	s, err := d.statement(ctx, query, args)
	if err != nil {
		return err
	}
	r, err := d.query(ctx, s)
	if err != nil {
		return err
	}
	if !r.ended {
		r.observation, o = o, observation{}
		r.watch(ctx)
	}
	out.ColumnScanner = r
	return nil
}

func (d *Driver) query(ctx context.Context, s statement) (*rowReader, error) {
	l, err := d.lease(ctx, s.tenant)
	if err != nil {
		return nil, err
	}
	lent := false // to the rows, which release it
	defer func() {
		if !lent {
			l.destroy()
		}
	}()
	first := opening{check: true}
	r, err := s.query(ctx, l, first, func(err error) error {
		defer l.release()
		if err == nil {
			err = l.checkIdle()
		}
		return l.translate(ctx, s.tenant, s.effect(), err)
	})
	if again := first.retry(ctx, err); again != noRetry {
		r, err = d.retryQuery(ctx, l, s, again)
		lent = err == nil
		return r, err
	}
	lent = err == nil
	if err != nil {
		err = l.translate(ctx, s.tenant, s.effect(), err)
		l.release()
	}
	return r, err
}

// Tx implements dialect.Driver.
func (d *Driver) Tx(ctx context.Context) (dialect.Tx, error) { return d.BeginTx(ctx, nil) }

// BeginTx returns a transaction of ctx's tenant, or of none. BEGIN is sent with its first statement. The transaction is
// rolled back when ctx ends. Within [InTx] it returns [ErrNestedTx]; see [Driver.Joining].
func (d *Driver) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	t, err := d.newTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := enter(ctx, t); err != nil {
		return nil, err
	}
	return t, nil
}

func (d *Driver) newTx(ctx context.Context, opts *sql.TxOptions) (*tx, error) {
	tenant, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	begin, err := beginSQL(opts)
	if err != nil {
		return nil, err
	}
	return &tx{driver: d, ctx: ctx, tenant: tenant, begin: begin, readOnly: opts != nil && opts.ReadOnly}, nil
}

func (d *Driver) statement(ctx context.Context, query string, args any) (statement, error) {
	if inside(ctx, d) {
		return statement{}, ErrPoolInTx
	}
	return newStatement(ctx, query, args)
}

// tenantOf returns the context's tenant, or the zero ID if it has none.
func tenantOf(ctx context.Context) (tenancy.ID, error) {
	id, err := tenancy.From(ctx)
	if err == tenancy.ErrNoTenant { //nolint:errorlint // From returns the sentinel itself, and this is the hot path
		return tenancy.ID{}, nil
	}
	return id, err
}

func target(v any) (*entsql.Rows, error) {
	out, ok := v.(*entsql.Rows)
	if !ok {
		return nil, fmt.Errorf("pgtenant: scan rows into Ent's *sql.Rows, not %T", v)
	}
	return out, nil
}
