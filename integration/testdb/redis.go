package testdb

import (
	"context"
	"testing"

	"github.com/konstruct/konstruct/local"
)

// Redis starts a Redis for the test, redis-server or else miniredis, and returns its URL.
func Redis(tb testing.TB) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	redis, err := local.StartRedis(ctx, local.RedisOptions{Throwaway: true})
	if err != nil {
		tb.Fatalf("testdb: no Redis: %v", err)
	}
	atEnd(tb, redis.Stop)
	return redis.URL()
}
