package pgtenant_test

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A prepared statement costs one round trip, and a transaction of n statements n + 1.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		id := h.client.Agent.Create().SetName("n").SaveX(h.asA).ID
		uses := map[string]func(agents *ent.AgentClient) error{
			"query":  func(agents *ent.AgentClient) error { return second(agents.Query().Limit(20).All(h.asA)) },
			"count":  func(agents *ent.AgentClient) error { return second(agents.Query().Count(h.asA)) },
			"create": func(agents *ent.AgentClient) error { return agents.Create().SetName("n").Exec(h.asA) },
			"bulk create": func(agents *ent.AgentClient) error {
				return agents.MapCreateBulk(make([]int, 1000), func(c *ent.AgentCreate, i int) {
					c.SetName(strconv.Itoa(i))
				}).Exec(h.asA)
			},
			"update one":  func(agents *ent.AgentClient) error { return agents.UpdateOneID(id).SetRole("r").Exec(h.asA) },
			"update many": func(agents *ent.AgentClient) error { return agents.Update().SetRole("r").Exec(h.asA) },
			"delete many": func(agents *ent.AgentClient) error {
				return second(agents.Delete().Where(agent.Name("7")).Exec(h.asA))
			},
		}
		requireTrips := func(trips int, name string, do func() error) {
			require.NoError(t, do(), name) // prepares
			before := h.trips.Count()
			require.NoError(t, do(), name)
			require.EqualValues(t, trips, h.trips.Count()-before, name)
		}
		for name, use := range uses {
			requireTrips(1, name, func() error { return use(h.client.Agent) })
		}
		requireTrips(1, "no tenant", func() error { return second(h.client.Tenant.Query().All(t.Context())) })
		requireTrips(0, "unused transaction", func() error {
			return h.inTx(h.asA, func(context.Context, *ent.Tx) error { return nil })
		})
		requireTrips(len(uses)+1, "transaction", func() error {
			return h.inTx(h.asA, func(_ context.Context, tx *ent.Tx) (err error) {
				for _, use := range uses {
					err = errors.Join(err, use(tx.Agent))
				}
				return err
			})
		})
	})
}

func TestWithoutATenant(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		ctx := t.Context()

		before := h.trips.Count()
		require.ErrorIs(t, second(h.client.Agent.Query().All(ctx)), tenancy.ErrNoTenant)
		require.ErrorIs(t, h.client.Agent.Create().SetName("x").Exec(ctx), tenancy.ErrNoTenant)
		require.ErrorIs(t, h.client.Agent.Update().SetName("x").Exec(ctx), tenancy.ErrNoTenant)
		require.ErrorIs(t, second(h.client.Agent.Delete().Exec(ctx)), tenancy.ErrNoTenant)
		require.Equal(t, before, h.trips.Count(), "refused before any SQL")

		require.Empty(t, h.names(ctx, t), "raw SQL returns no row")
		err := exec(ctx, h,
			"insert into agents (id, tenant_id, name) values ($1, $2, 'x')", unique(), h.a.String())
		require.ErrorIs(t, err, tenancy.ErrNoTenant)
		requireCode(t, "42501", err)
		for _, query := range []string{"update agents set name = 'x'", "delete from agents"} {
			n, err := pgtenant.Exec(ctx, h, query)
			require.NoError(t, err)
			require.Zero(t, n)
		}
		h.healthy(t)
	})
}

func TestAnotherTenant(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		err := exec(h.asA, h,
			"insert into agents (id, tenant_id, name) values ($1, $2, 'x')", unique(), h.b.String())
		requireCode(t, "42501", err)
		require.NotErrorIs(t, err, tenancy.ErrNoTenant, "a wrong tenant is not a missing one")
		requireCode(t, "42501", exec(h.asA, h, "update agents set tenant_id = $1", h.b.String()))
		n, err := pgtenant.Exec(h.asA, h, "delete from agents where tenant_id = $1", h.b.String())
		require.NoError(t, err)
		require.Zero(t, n)
		h.healthy(t)
	})
}

// A tenant set for a connection's session does not affect statements of other tenants or without a tenant.
func TestPoisonedConnection(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		_, err := h.Pool().Exec(t.Context(), "select set_config('app.current_tenant', $1, false)", h.a.String())
		require.NoError(t, err)
		var poisoned int
		require.NoError(t, h.Pool().QueryRow(t.Context(), "select count(*) from agents").Scan(&poisoned))
		require.Equal(t, 1, poisoned, "the setting applies outside of the driver")
		h.healthy(t)
	})
}

// Nothing is set for a session: the connection's next user, even outside of the driver, has no tenant.
func TestSettingEndsWithItsStatement(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		left := func() (setting string) {
			const query = "select coalesce(current_setting('app.current_tenant', true), '')"
			require.NoError(t, h.Pool().QueryRow(t.Context(), query).Scan(&setting))
			return setting
		}
		require.Equal(t, "a1", h.names(h.asA, t))
		require.Empty(t, left(), "after a statement")
		require.NoError(t, h.inTx(h.asA, func(ctx context.Context, tx *ent.Tx) error {
			return tx.Agent.Update().SetRole("r").Exec(ctx)
		}))
		require.Empty(t, left(), "after a transaction")
	})
}

func TestOneStatementIsOneStatement(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, h *testBundle) {
		requireCode(t, "42601", exec(h.asA, h, "select 1; delete from login_attempts"))
		h.healthy(t)
	})
}

// A single BEGIN would leave its transaction and tenant to the connection's next user.
func TestStatementThatLeavesATransactionOpen(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	require.ErrorIs(t, exec(h.asA, h, "begin"), pgtenant.ErrTxLeftOpen)
	h.healthy(t)
}

func TestQueryRow(t *testing.T) {
	t.Parallel()
	h := setup(t)
	var name string
	ctx := h.asA
	require.NoError(t, pgtenant.QueryRow(ctx, h, "select name from agents where name = $1", "a1").Scan(&name))
	require.Equal(t, "a1", name)
	require.ErrorIs(t,
		pgtenant.QueryRow(ctx, h, "select name from agents where name = $1", "b1").Scan(&name), sql.ErrNoRows)
	require.ErrorIs(t, pgtenant.QueryRow(ctx, h, "select name from agents").Scan(), pgtenant.ErrScan)
	requireCode(t, "42P01", pgtenant.QueryRow(ctx, h, "select name from nowhere").Scan(&name))
	h.healthy(t)
}

func TestCollect(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1)) // an open result would block the next statement
	ctx := h.asA
	names, err := pgtenant.Collect(
		pgtenant.Query(ctx, h, "select name from agents where name = $1", "a1"), pgtenant.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"a1"}, names)
	names, err = pgtenant.Collect(
		pgtenant.Query(ctx, h, "select name from agents where name = $1", "b1"), pgtenant.RowTo[string])
	require.NoError(t, err)
	require.Empty(t, names)
	_, err = pgtenant.Collect(pgtenant.Query(ctx, h, "select name from nowhere"), pgtenant.RowTo[string])
	requireCode(t, "42P01", err)

	const text = "select n, 'x' from generate_series(1, 1000) as n"
	_, err = pgtenant.Collect(pgtenant.Query(ctx, h, text), pgtenant.RowTo[int])
	require.ErrorIs(t, err, pgtenant.ErrScan)
	failed := errors.New("failed")
	some, err := pgtenant.Collect(pgtenant.Query(ctx, h, text), func(row pgtenant.Row) (n int64, err error) {
		columns, err := row.Columns()
		require.NoError(t, err)
		require.Len(t, columns, 2)
		if err = row.Scan(&n, new(string)); n == 3 {
			err = failed
		}
		return n, err
	})
	require.ErrorIs(t, err, failed)
	require.Equal(t, []int64{1, 2}, some)
	part, err := pgtenant.Collect(
		pgtenant.Query(ctx, h, "select 1 / (4 - n) from generate_series(1, 1000) as n"), pgtenant.RowTo[int64])
	requireCode(t, "22012", err)
	require.Len(t, part, 3)
	h.healthy(t)
}

const deferredTable = `
	create table late (id int primary key, next int references late deferrable initially deferred);
	grant select, insert on late to konstruct_app`

// A failure at commit, after the command tag, must be returned.
func TestErrorAtCommit(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.admin(t, deferredTable)
	const insert = "insert into late values (1, 2)"

	requireCode(t, "23503", exec(h.asA, h, insert))
	for _, query := range []string{insert + " returning id", "with w as (" + insert + " returning id) select id from w"} {
		requireCode(t, "23503", pgtenant.QueryRow(h.asA, h, query).Scan(new(int)))
	}
	require.Zero(t, h.count(t, "select count(*) from late"))

	require.NoError(t, exec(h.asA, h, "insert into late values (1, 1)"))
}

// A write with rows is committed when Query returns.
func TestWriteIsCommittedWhenQueryReturns(t *testing.T) {
	t.Parallel()
	h := setup(t, pgtenant.WithMaxConns(1))
	h.admin(t, deferredTable)
	const insert = "insert into late values ($1, $2) returning id"
	requireCode(t, "23503", h.Query(h.asA, insert, []any{1, 2}, &entsql.Rows{}))
	require.Zero(t, h.count(t, "select count(*) from late"))

	r := openRows(h.asA, t, h, insert, 1, 1)
	require.Equal(t, 1, h.count(t, "select count(*) from late"), "committed before a row is read")
	require.True(t, r.Next())
	require.NoError(t, r.Close())
}

// If the context ends after Next, Scan reports the context's error, as database/sql does.
func TestContextEndsBeforeScan(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ctx, cancel := context.WithCancel(h.asA)
	r := openRows(ctx, t, h, "select generate_series(1, 100000)")
	require.True(t, r.Next())
	cancel()
	require.Eventually(t, func() bool { return r.Err() != nil }, time.Minute, time.Millisecond)
	var n int
	err := r.Scan(&n)
	require.ErrorIs(t, err, context.Canceled)
	requireNoEffect(t, err, "")
	require.NotErrorIs(t, err, pgtenant.ErrScan)
	h.requireIdle(t)
}

func TestUnsafeConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	const url = "postgres://konstruct_app:s3cr3t-p4ss@127.0.0.1:1/konstruct"
	for name, tc := range map[string]struct{ parameters, mode string }{
		"simple protocol, by option":       {"", "simple_protocol"},
		"simple protocol, by the URL":      {"default_query_exec_mode=simple_protocol", ""},
		"describe_exec":                    {"default_query_exec_mode=describe_exec", ""},
		"a tenant preset through options":  {"options=-c%20app.current_tenant%3Dx", ""},
		"a tenant preset as a parameter":   {"app.current_tenant=x", ""},
		"another role":                     {"role=konstruct_owner", ""},
		"row_security":                     {"row_security=off", ""},
		"an invalid port":                  {"port=x", ""},
		"a query mode that does not exist": {"", "fast"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pgtenant.Open(t.Context(), url+"?"+tc.parameters, pgtenant.WithQueryMode(tc.mode))
			require.ErrorIs(t, err, pgtenant.ErrConfig)
			require.NotContains(t, err.Error(), "s3cr3t-p4ss")
		})
	}
	_, err := pgtenant.Open(t.Context(), strings.Replace(url, ":1/", ":port/", 1)) // url.Parse quotes the whole URL
	require.ErrorIs(t, err, pgtenant.ErrConfig)
	require.NotContains(t, err.Error(), "s3cr3t-p4ss")
	drv, err := pgtenant.Open(t.Context(), url)
	require.NoError(t, err, "the same URL without them is accepted")
	require.NoError(t, drv.Close())
}

// requireCode requires a PostgreSQL error with this SQLSTATE and no field that could contain a value.
func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var db *pgconn.PgError
	require.ErrorAs(t, err, &db)
	require.Equal(t, code, db.Code, db.Message)
	require.Empty(t, db.Detail+db.Hint+db.Where+db.InternalQuery)
}
