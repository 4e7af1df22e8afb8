package testdb

import (
	"context"
	"testing"

	"github.com/konstruct/konstruct/local"
)

// Redis is the URL of a Redis of the test's own: redis-server when this machine has it, else miniredis.
func Redis(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	redis, err := local.StartRedis(ctx, local.RedisOptions{Throwaway: true})
	if err != nil {
		tb.Fatalf("testdb: no Redis: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := redis.Stop(ctx); err != nil {
			tb.Errorf("testdb: %v", err)
		}
	})
	return redis.URL()
}
