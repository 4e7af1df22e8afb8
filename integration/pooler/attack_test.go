//go:build pooler

package pooler_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The drivers are behind the pooler, beside a client that leaves settings behind all the time. The kit's raw connections
// go to the server, since the next client would inherit their session settings.
func TestAttacks(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		db := testdb.New(t)
		require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
		bouncer := newBouncer(t, db, poolSize)
		leaveSettings(t, bouncer)
		report := isolation.Run(t, isolation.DB{
			AppURL: db.AppURL, SuperURL: db.SuperURL, DriverURL: bouncer.url,
			Options: []pgtenant.Option{pgtenant.WithQueryMode(mode)},
		})
		require.True(t, report.Holds, report.Verdict)
	})
}

// leaveSettings changes one setting of a server connection every 20 ms until the test ends.
func leaveSettings(t *testing.T, b *bouncer) {
	t.Helper()
	conn := b.connect(t)
	settings := maps.Clone(leftSettings)
	delete(settings, "exit_on_error")     // ends connections, and PgBouncer waits before it opens new ones
	settings["statement_timeout"] = "500" // on a busy machine, resetting the session takes longer than 1 ms
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan int)
	go func() {
		n := 0
		defer func() { left <- n }()
		for {
			for setting, value := range settings {
				_, err := conn.Exec(ctx, "select set_config($1, $2, false)", setting, value)
				if ctx.Err() != nil || conn.IsClosed() {
					return
				}
				if err == nil { // the session may have the statement_timeout
					n++
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		require.Greater(t, <-left, 100)
	})
}
