//go:build pooler

//nolint:thelper // the functions passed to eachBundle are tests
package pooler_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Another client inherits a session setting, so a driver that used one would fail these tests. Ours resets the session
// before it runs anything.
func TestSessionSettingLeaksToOtherClients(t *testing.T) {
	t.Parallel()
	eachBundle(t, 1, func(t *testing.T, b *testBundle) {
		one, other := b.bouncer.connect(t), b.bouncer.connect(t)
		poison := func() {
			_, err := one.Exec(t.Context(), "select set_config('app.current_tenant', $1, false)", b.a.String())
			require.NoError(t, err)
			require.Equal(t, "a1", plain(t, other, readNames), "another client sees a's rows")
		}
		require.Empty(t, plain(t, other, readNames), "before")
		poison()
		require.Equal(t, "b1", b.names(as(t, b.b), t), "the driver's b sees only b's rows in the same session")
		require.Empty(t, plain(t, other, readNames), "the session was reset")
		poison()
		require.Empty(t, b.names(t.Context(), t), "without a tenant")
		poison()
		require.ErrorIs(t, b.insertFor(t.Context(), b.a), tenancy.ErrNoTenant)
		b.requireIsolation(t)
	})
}

var leftSettings = map[string]string{
	"search_path": "nowhere", "row_security": "off", "client_encoding": "LATIN2", "statement_timeout": "1",
	"DateStyle": "German", "TimeZone": "Asia/Tokyo", "default_transaction_read_only": "on",
	"default_transaction_isolation": "serializable", "bytea_output": "escape",
	"synchronous_commit": "local", "exit_on_error": "on",
}

// A setting left by another client changes no rows, values, timeouts or access modes of the driver's statements.
func TestSessionSettingsDoNotReachTheDriver(t *testing.T) {
	t.Parallel()
	eachBundle(t, 1, func(t *testing.T, b *testBundle) {
		other := b.bouncer.connect(t)
		const text = "Zoë żółć"
		for setting, changed := range leftSettings {
			poison := func() {
				_, err := other.Exec(t.Context(), "select set_config($1, $2, false)", setting, changed)
				require.NoError(t, err, setting)
			}
			values := func() (found string) {
				const query = `select current_setting($1) || current_setting('transaction_isolation') ||
					current_setting('transaction_read_only') || name from agents`
				require.NoError(t, pgtenant.QueryRow(as(t, b.b), b, query, setting).Scan(&found), setting)
				return found
			}
			before := values()
			poison()
			require.Equal(t, before, values(), setting)
			poison()
			n, err := pgtenant.Exec(as(t, b.b), b, "update agents set role = $1 /* "+setting+" */", text)
			require.NoError(t, err, setting)
			require.EqualValues(t, 1, n)
			require.Equal(t, 1, b.count(t, "select count(*) from agents where role = $1", text), setting)
			poison()
			require.NoError(t, b.setRole(as(t, b.b), setting), setting)
			require.Equal(t, 1, b.count(t, "select count(*) from agents where role = $1", setting))
			b.requireIsolation(t)
		}
	})
}

// Another client could replace or run a named statement of the driver.
func TestDriverUsesNoNamedStatements(t *testing.T) {
	t.Parallel()
	eachBundle(t, 1, func(t *testing.T, b *testBundle) {
		other := b.bouncer.connect(t)
		b.requireIsolation(t)
		require.NoError(t, b.setRole(as(t, b.a), "secret"))
		require.Equal(t, "0", plain(t, other, countNamed))

		// The names that the driver uses in cache_statement mode.
		for n := range 100 {
			planted := fmt.Sprintf("prepare konstruct_%d as select 'stolen' as name", n)
			_, err := other.PgConn().Exec(t.Context(), planted).ReadAll()
			require.NoError(t, err)
		}
		require.Equal(t, "a1", b.names(as(t, b.a), t))
		b.requireIsolation(t)
		var got string
		require.NoError(t, pgtenant.QueryRow(as(t, b.b), b, "execute konstruct_5").Scan(&got), "the other client's statement")
		require.Equal(t, "stolen", got)
		b.requireIsolation(t)
	})
}

// connect returns a client of the pooler without our driver.
func (b *bouncer) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(b.url)
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

const countNamed = "select count(*)::text from pg_prepared_statements"

func plain(t *testing.T, conn *pgx.Conn, query string) (text string) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&text))
	return text
}

// In cache_statement mode another client may have prepared a different text under the same name. The mode is rejected
// on every connection before anything is prepared.
func TestCacheStatementIsRejected(t *testing.T) {
	t.Parallel()
	b := setup(t, "cache_statement", 1)
	other := b.bouncer.connect(t)
	for range 2 {
		var names string
		require.ErrorIs(t, pgtenant.QueryRow(as(t, b.a), b, readNames).Scan(&names), pgtenant.ErrConfig)
		_, err := pgtenant.Exec(as(t, b.a), b, writeGlobal, "refused")
		require.ErrorIs(t, err, pgtenant.ErrConfig)
		require.ErrorIs(t, b.setRole(as(t, b.a), "refused"), pgtenant.ErrConfig)
	}
	require.Equal(t, "0", plain(t, other, countNamed))
	require.Zero(t, b.count(t, "select count(*) from login_attempts where key = 'refused'"))
	b.Driver = b.bouncer.open(t, modes[0])
	b.requireIsolation(t)
}
