package load_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/load"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	secondsVariable = "KONSTRUCT_LOAD_SECONDS"
	defaultSeconds  = 3
	// A run of at least longSeconds must check longChecked rows.
	longSeconds, longChecked = 60, 100_000
)

func TestMain(m *testing.M) { testdb.Main(m) }

func TestNoWrongRowUnderLoad(t *testing.T) {
	t.Parallel()
	seconds := loadSeconds(t)
	db := testdb.New(t)
	drv, err := pgtenant.Open(t.Context(), db.AppURL, pgtenant.WithMaxConns(8),
		pgtenant.WithAcquireTimeout(time.Minute))
	require.NoError(t, err)
	defer func() { require.NoError(t, drv.Close()) }()

	options := load.Options{
		Tenants: 200, Goroutines: 64, For: time.Duration(seconds) * time.Second, Disconnects: 100 * time.Millisecond,
	}
	if seconds >= longSeconds {
		options.AtLeast = longChecked
	}
	result := load.Run(t, db, drv, options)
	t.Logf("%+v", result)
	require.Zero(t, result.Wrong)
	require.GreaterOrEqual(t, result.Checked, options.AtLeast)
	require.Positive(t, result.Present, "rows were written")
}

func loadSeconds(t *testing.T) int {
	t.Helper()
	given := os.Getenv(secondsVariable)
	if given == "" {
		return defaultSeconds
	}
	seconds, err := strconv.Atoi(given)
	require.NoError(t, err, secondsVariable)
	require.Positive(t, seconds, secondsVariable)
	return seconds
}

// A driver that sets the tenant per session must show wrong rows.
func TestLoadFindsWrongRows(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	drv, err := entsql.Open("pgx", db.AppURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, drv.Close()) }()
	drv.DB().SetMaxOpenConns(8)

	result := load.Run(t, db, sessionDriver{drv},
		load.Options{Tenants: 20, Goroutines: 16, For: time.Second, Report: true})
	require.Positive(t, result.Wrong, "%+v", result)
}

// sessionDriver sets the tenant on one connection of the pool, and runs the statement on any.
type sessionDriver struct{ *entsql.Driver }

var _ dialect.Driver = sessionDriver{}

func (d sessionDriver) Query(ctx context.Context, query string, args, v any) error {
	if err := d.setTenant(ctx); err != nil {
		return err
	}
	return d.Driver.Query(ctx, query, args, v)
}

func (d sessionDriver) Exec(ctx context.Context, query string, args, v any) error {
	if err := d.setTenant(ctx); err != nil {
		return err
	}
	return d.Driver.Exec(ctx, query, args, v)
}

func (d sessionDriver) setTenant(ctx context.Context) error {
	id, err := tenancy.From(ctx)
	if err != nil {
		return nil //nolint:nilerr // without a tenant, nothing is set
	}
	_, err = d.DB().ExecContext(ctx, "select set_config('app.current_tenant', $1, false)", id.String())
	if err != nil {
		return fmt.Errorf("set the tenant: %w", err)
	}
	return nil
}
