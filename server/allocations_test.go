package server_test

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

// The allocations of a request are exact, unlike its time: where one of these limits is exceeded, something was added to
// every request. Those of an empty answer are the routing, the limits, the headers and the line in the log. The limits
// leave room for the race detector, which empties pools.
//
//nolint:paralleltest // allocations are counted for the whole process
func TestAllocationsPerRequest(t *testing.T) {
	b := setup(t, func(o *server.Options) { o.Logger = slog.New(slog.NewJSONHandler(io.Discard, nil)) }) //nolint:sloglint // it writes
	tenant := b.createTenant(t, "acme")
	for i := range 21 {
		b.create(t, tenant+"/agents", map[string]any{"name": fmt.Sprint("Agent ", i)})
	}
	for path, limit := range map[string]allocations{
		"/healthz":                  {objects: 28, bytes: 2_000},
		tenant + "/agents?limit=20": {objects: 375, bytes: 30_000},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		request.Header.Set("Authorization", "Bearer "+b.admin)
		answer := &unread{header: http.Header{}}
		least := allocations{objects: math.MaxUint64, bytes: math.MaxUint64}
		for range 100 { // the least of them, because others allocate and pools are emptied meanwhile
			clear(answer.header)
			before := allocated()
			b.Handler().ServeHTTP(answer, request)
			after := allocated()
			least.objects = min(least.objects, after.objects-before.objects)
			least.bytes = min(least.bytes, after.bytes-before.bytes)
		}
		require.Equal(t, http.StatusOK, answer.status)
		t.Logf("%s: %d allocations of %d bytes", path, least.objects, least.bytes)
		require.LessOrEqual(t, least.objects, limit.objects, path)
		require.LessOrEqual(t, least.bytes, limit.bytes, path)
	}
}

type allocations struct{ objects, bytes uint64 }

// allocated is what this process has allocated so far.
func allocated() allocations {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return allocations{stats.Mallocs, stats.TotalAlloc}
}

// unread takes an answer and keeps its status.
type unread struct {
	header http.Header
	status int
}

func (u *unread) Header() http.Header         { return u.header }
func (u *unread) Write(p []byte) (int, error) { return len(p), nil }
func (u *unread) WriteHeader(status int)      { u.status = status }
