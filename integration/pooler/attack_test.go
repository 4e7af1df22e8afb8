//go:build pooler

package pooler_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// The drivers are behind the pooler, beside a client that leaves settings behind all the time. The kit's raw connections go to the server, since the next client would inherit
// their session settings.
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
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan int)
	go func() {
		n := 0
		defer func() { left <- n }()
		for ; ; n++ {
			for setting, value := range leftSettings {
				if _, err := conn.Exec(ctx, "select set_config($1, $2, false)", setting, value); ctx.Err() != nil {
					return
				} else if err != nil { // another client's setting, such as statement_timeout
					continue
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		require.Positive(t, <-left)
	})
}
