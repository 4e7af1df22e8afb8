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
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/konstruct/konstruct/server"
)

// TestAllocationsPerRequest detects work that is added to every request: allocations are exact, unlike times. The
// limits leave room for the race detector, which empties pools.
//
//nolint:paralleltest // allocations are counted for the whole process
func TestAllocationsPerRequest(t *testing.T) {
	b := setup(t, func(o *server.Options) {
		o.Logger = slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // it writes
		o.Meters = metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()), metric.WithExemplarFilter(exemplar.AlwaysOffFilter))
	})
	tenant := b.createTenant(t, "acme")
	for i := range 21 {
		b.create(t, tenant+"/agents", object{"name": fmt.Sprint("Agent ", i)})
	}
	for path, limit := range map[string]allocations{
		"/healthz":                  {objects: 28, bytes: 2_200},
		tenant + "/agents?limit=20": {objects: 395, bytes: 31_000},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		request.Header.Set("Authorization", "Bearer "+b.admin.token)
		response := &discardResponse{header: http.Header{}}
		least := allocations{objects: math.MaxUint64, bytes: math.MaxUint64}
		for range 100 { // the minimum, because other goroutines allocate, too
			clear(response.header)
			before := allocated()
			b.Handler().ServeHTTP(response, request)
			after := allocated()
			least.objects = min(least.objects, after.objects-before.objects)
			least.bytes = min(least.bytes, after.bytes-before.bytes)
		}
		require.Equal(t, http.StatusOK, response.status)
		t.Logf("%s: %d allocations of %d bytes", path, least.objects, least.bytes)
		require.LessOrEqual(t, least.objects, limit.objects, path)
		require.LessOrEqual(t, least.bytes, limit.bytes, path)
	}
}

type allocations struct{ objects, bytes uint64 }

// allocated returns the allocations of the process.
func allocated() allocations {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return allocations{stats.Mallocs, stats.TotalAlloc}
}

// discardResponse keeps only the status.
type discardResponse struct {
	header http.Header
	status int
}

func (r *discardResponse) Header() http.Header         { return r.header }
func (r *discardResponse) Write(p []byte) (int, error) { return len(p), nil }
func (r *discardResponse) WriteHeader(status int)      { r.status = status }
