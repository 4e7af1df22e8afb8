package pgtenant

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestLookupIsBounded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ configured, want time.Duration }{
		"by default":         {0, defaultConnectTimeout},
		"by connect_timeout": {time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				config := &pgconn.Config{ConnectTimeout: tc.configured}
				config.LookupFunc = func(ctx context.Context, _ string) ([]string, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				boundConnect(config)
				require.Equal(t, tc.want, config.ConnectTimeout)
				start := time.Now()
				_, err := config.LookupFunc(t.Context(), "db.example.com")
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, tc.want, time.Since(start))
			})
		})
	}
}
