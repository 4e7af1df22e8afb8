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

// Driver is Ent's dialect.Driver for PostgreSQL with a tenant in every statement. It is safe for concurrent use.
// Make it with [Open] or [New].
type Driver struct {
	pool     *pgxpool.Pool
	shares   *shares
	slots    *slots
	timeouts *timeouts
	trips    *Trips // nil for a driver of New
	counts   counts
	resets   bool // sessions are reset after reads
}

var _ dialect.Driver = (*Driver)(nil)

// Dialect implements dialect.Driver.
func (*Driver) Dialect() string { return dialect.Postgres }

// Pool returns the pool, for its statistics and for closing it down. A statement that is sent on it directly carries
// no setting and is outside everything this package promises.
func (d *Driver) Pool() *pgxpool.Pool { return d.pool }

// Close implements dialect.Driver: it waits for the connections in use, then closes all of them.
func (d *Driver) Close() error {
	d.pool.Close()
	return nil
}

// Exec implements dialect.Driver: one statement that returns no rows, in one round trip. v is nil or a *sql.Result.
// Every statement sent this way is taken for one that may write.
func (d *Driver) Exec(ctx context.Context, query string, args, v any) (err error) {
	o := d.observe(ctx, query)
	err = errPanicked // until it has returned
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
	defer l.destroy() // where a panic comes first
	first := opening{check: true}
	tag, err = s.exec(ctx, l, first)
	if r := first.remedy(ctx, err); r != noRemedy {
		return d.execAgain(ctx, l, s, r)
	}
	if err == nil {
		err = l.idle()
	}
	err = l.translate(ctx, s.tenant, writeEffect, err)
	l.release()
	return tag, err
}

// Query implements dialect.Driver: one statement that returns rows, in one round trip. v is a *sql.Rows of Ent's.
// Errors that come with the first row, or instead of it, are returned here; later ones come from the rows' Err.
// A statement that may write is read to its end before Query returns, so that its commit is certain then. A SELECT is
// taken for a read, in a transaction too: call a function that writes through Exec, or in a WITH query. The result ends
// when ctx does.
func (d *Driver) Query(ctx context.Context, query string, args, v any) (err error) {
	o := d.observe(ctx, query)
	err = errPanicked // until it has returned
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

func (d *Driver) query(ctx context.Context, s statement) (*rows, error) {
	l, err := d.lease(ctx, s.tenant)
	if err != nil {
		return nil, err
	}
	lent := false // to the rows
	defer func() {
		if !lent {
			l.destroy()
		}
	}()
	first := opening{check: true}
	r, err := s.query(ctx, l, first, func(err error) error {
		defer l.release()
		if err == nil {
			err = l.idle()
		}
		return l.translate(ctx, s.tenant, s.effect(), err)
	})
	if again := first.remedy(ctx, err); again != noRemedy {
		r, err = d.queryAgain(ctx, l, s, again)
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

// Tx implements dialect.Driver with the default isolation level.
func (d *Driver) Tx(ctx context.Context) (dialect.Tx, error) { return d.BeginTx(ctx, nil) }

// BeginTx returns a transaction of the context's tenant, or of none. Nothing is sent before its first statement. It is
// rolled back when ctx ends. Isolation levels are PostgreSQL's; [ErrNestedTx] is returned inside [InTx].
func (d *Driver) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	if err := enter(ctx, d); err != nil {
		return nil, err
	}
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

// statement checks what can be checked before a connection is taken.
func (d *Driver) statement(ctx context.Context, query string, args any) (statement, error) {
	if inside(ctx, d) {
		return statement{}, ErrPoolInTx
	}
	return newStatement(ctx, query, args)
}

// tenantOf returns the context's tenant, and the zero ID where it has none. A broken context is an error.
func tenantOf(ctx context.Context) (tenancy.ID, error) {
	id, err := tenancy.From(ctx)
	if err == tenancy.ErrNoTenant { //nolint:errorlint // From returns the sentinel itself, and this is every statement's path.
		return tenancy.ID{}, nil
	}
	return id, err
}

func target(v any) (*entsql.Rows, error) {
	out, ok := v.(*entsql.Rows)
	if !ok {
		return nil, fmt.Errorf("pgtenant: rows go into a *sql.Rows of Ent's, not into a %T", v)
	}
	return out, nil
}
