//go:build pooler

package pooler_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// What one client sets for its session, another client has. With a driver that did so, the tests of this package would
// be red; ours resets the session, and runs nothing in it before.
func TestASessionSettingReachesOtherClients(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, 1)
			one, other := h.connect(t), h.connect(t)
			poison := func() {
				_, err := one.Exec(t.Context(), "select set_config('app.current_tenant', $1, false)", h.a.String())
				require.NoError(t, err)
				require.Equal(t, "a1", plainNames(t, other), "another client, which has set nothing, sees a's rows: it leaks")
			}
			require.Empty(t, plainNames(t, other), "before")
			poison()
			require.Equal(t, "b1", h.names(as(t, h.b), t), "through the driver, b sees b's in the same session")
			require.Empty(t, plainNames(t, other), "and the session was reset")
			poison()
			require.Empty(t, h.names(t.Context(), t), "no tenant sees nothing")
			poison()
			_, err := pgtenant.Exec(t.Context(), h, "insert into agents (id, tenant_id, name) values (gen_random_uuid(), $1, 'x')", h.a.String())
			require.ErrorIs(t, err, tenancy.ErrNoTenant)
			h.healthy(t)
		})
	}
}

// No setting that another client left in a server's session reaches a statement of ours: not its rows, not its values, not
// its time limit, and not its access mode.
func TestChangedSessionIsNotSeen(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, 1)
			stranger := h.connect(t)
			const text = "Zoë żółć"
			for setting, changed := range map[string]string{
				"search_path": "nowhere", "row_security": "off", "client_encoding": "LATIN2", "statement_timeout": "1",
				"DateStyle": "German", "TimeZone": "Asia/Tokyo", "default_transaction_read_only": "on",
				"default_transaction_isolation": "serializable", "bytea_output": "escape",
				"synchronous_commit": "local", "exit_on_error": "on",
			} {
				poison := func() {
					_, err := stranger.Exec(t.Context(), "select set_config($1, $2, false)", setting, changed)
					require.NoError(t, err, setting)
				}
				values := func() (found string) {
					const query = `select current_setting($1) || current_setting('transaction_isolation') ||
						current_setting('transaction_read_only') || name from agents`
					require.NoError(t, pgtenant.QueryRow(as(t, h.b), h, query, setting).Scan(&found), setting)
					return found
				}
				before := values()
				poison()
				require.Equal(t, before, values(), setting)
				poison()
				// Cold, and a write.
				n, err := pgtenant.Exec(as(t, h.b), h, "update agents set role = $1 /* "+setting+" */", text)
				require.NoError(t, err, setting)
				require.EqualValues(t, 1, n)
				require.Equal(t, 1, h.count(t, "select count(*) from agents where role = $1", text), setting)
				poison()
				require.NoError(t, pgtenant.InTx(as(t, h.b), h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
					return tx.Agent.Update().SetRole(setting).Exec(ctx)
				}), setting)
				require.Equal(t, 1, h.count(t, "select count(*) from agents where role = $1", setting))
				h.healthy(t)
			}
		})
	}
}

// Behind a pooler nothing of ours has a name on the server, where another client could replace it or run it.
func TestNothingOfOursHasAName(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, 1)
			stranger := h.connect(t)
			h.healthy(t)
			require.NoError(t, pgtenant.InTx(as(t, h.a), h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
				return tx.Agent.Update().SetRole("secret").Exec(ctx)
			}))
			var named int
			require.NoError(t, stranger.QueryRow(t.Context(), "select count(*) from pg_prepared_statements").Scan(&named))
			require.Zero(t, named)

			// The names that the driver would use if it were in the mode for direct connections.
			for n := range 100 {
				planted := fmt.Sprintf("prepare konstruct_%d as select 'stolen' as name", n)
				_, err := stranger.PgConn().Exec(t.Context(), planted).ReadAll()
				require.NoError(t, err)
			}
			require.Equal(t, "a1", h.names(as(t, h.a), t))
			h.healthy(t)
			var got string
			require.NoError(t, pgtenant.QueryRow(as(t, h.b), h, "execute konstruct_5").Scan(&got), "it is the stranger's text")
			require.Equal(t, "stolen", got)
			h.healthy(t)
		})
	}
}

// connect is a client of the pooler without any driver of ours.
func (h *house) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(h.bouncer.url)
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func plainNames(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var names string
	require.NoError(t, conn.QueryRow(t.Context(), readNames).Scan(&names))
	return names
}

// The mode for direct connections names statements, and another client may have prepared a different text under the same
// name. It is refused on every connection, before anything is prepared.
func TestNamedStatementsAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "cache_statement", 1)
	stranger := h.connect(t)
	for range 2 {
		var names string
		require.ErrorIs(t, pgtenant.QueryRow(as(t, h.a), h, readNames).Scan(&names), pgtenant.ErrConfig)
		_, err := pgtenant.Exec(as(t, h.a), h, writeGlobal, "refused")
		require.ErrorIs(t, err, pgtenant.ErrConfig)
		require.ErrorIs(t, pgtenant.InTx(as(t, h.a), h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
			return tx.Agent.Update().SetRole("refused").Exec(ctx)
		}), pgtenant.ErrConfig)
	}
	var named int
	require.NoError(t, stranger.QueryRow(t.Context(), "select count(*) from pg_prepared_statements").Scan(&named))
	require.Zero(t, named)
	require.Zero(t, h.count(t, "select count(*) from login_attempts where key = 'refused'"))
	h.Driver = h.open(t, modes[0])
	h.healthy(t)
}
