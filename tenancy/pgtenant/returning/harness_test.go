package returning_test

import (
	"context"
	"testing"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/pgtenant/returning"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var modes = []string{"cache_statement", "cache_describe", "exec"}

// database has a driver with one connection that counts round trips.
type database struct {
	*pgtenant.Driver

	super *pgx.Conn
	trips *pgtenant.RoundTrips
}

func open(t *testing.T, mode string) *database {
	t.Helper()
	db := testdb.New(t)
	return connect(t, db, mode)
}

func connect(t *testing.T, db *testdb.Database, mode string) *database {
	t.Helper()
	super, err := pgx.Connect(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = super.Close(context.WithoutCancel(t.Context())) })
	d := &database{super: super, trips: &pgtenant.RoundTrips{}}
	d.Driver, err = pgtenant.Open(t.Context(), db.AppURL,
		pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(mode), pgtenant.WithRoundTrips(d.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func (d *database) exec(t *testing.T, ddl string) {
	t.Helper()
	_, err := d.super.PgConn().Exec(t.Context(), ddl).ReadAll()
	require.NoError(t, err)
}

// rows returns a table's rows as PostgreSQL prints them.
func (d *database) rows(t *testing.T, table string) []string {
	t.Helper()
	result, err := d.super.Query(t.Context(), "select t::text from "+rls.Quote(table)+" t order by 1")
	require.NoError(t, err)
	rows, err := pgx.CollectRows(result, pgx.RowTo[string])
	require.NoError(t, err)
	return rows
}

type recorder struct {
	dialect.Driver

	query string
}

func (r *recorder) Exec(ctx context.Context, query string, args, v any) error {
	r.query = query
	return r.Driver.Exec(ctx, query, args, v)
}

func (r *recorder) Query(ctx context.Context, query string, args, v any) error {
	r.query = query
	return r.Driver.Query(ctx, query, args, v)
}

type graph struct {
	update func(context.Context, dialect.Driver, *sqlgraph.UpdateSpec) error
	create func(context.Context, dialect.Driver, *sqlgraph.CreateSpec, returning.Row) error
	batch  func(context.Context, dialect.Driver, *sqlgraph.BatchCreateSpec) error
}

var (
	ents = graph{
		update: sqlgraph.UpdateNode,
		create: func(ctx context.Context, drv dialect.Driver, spec *sqlgraph.CreateSpec, _ returning.Row) error {
			return sqlgraph.CreateNode(ctx, drv, spec)
		},
		batch: sqlgraph.BatchCreate,
	}
	ours = graph{update: returning.UpdateNode, create: returning.CreateNode, batch: returning.BatchCreate}
)

type node map[string]any

func scanValues(columns []string) ([]any, error) {
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	return values, nil
}

func (n node) assign(columns []string, values []any) error {
	clear(n)
	for i, column := range columns {
		n[column] = *values[i].(*any)
	}
	return nil
}
