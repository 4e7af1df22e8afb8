package server_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

// The allocations of a request are exact, unlike its time: where one of these limits is exceeded, something was added to
// every request. Those of an empty answer are the routing, the limits, the headers and the line in the log.
//
//nolint:paralleltest // allocations are counted for the whole process
func TestAllocationsOfARequest(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Logger = slog.New(slog.NewJSONHandler(io.Discard, nil)) }) //nolint:sloglint // it writes
	tenant := w.tenant(t, "acme")
	for i := range 21 {
		w.create(t, tenant+"/agents", map[string]any{"name": fmt.Sprint("Agent ", i)})
	}
	for path, limit := range map[string]float64{"/healthz": 28, tenant + "/agents?limit=20": 650} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		request.Header.Set("Authorization", "Bearer "+w.admin)
		answer := &unread{header: http.Header{}}
		least := limit + 1
		for range 100 { // the least of them, because others allocate and pools are emptied meanwhile
			least = min(least, testing.AllocsPerRun(1, func() {
				clear(answer.header)
				w.Handler().ServeHTTP(answer, request)
			}))
		}
		require.Equal(t, http.StatusOK, answer.status)
		require.LessOrEqual(t, least, limit, path)
		t.Logf("%s: %v allocations", path, least)
	}
}

// unread takes an answer and keeps its status.
type unread struct {
	header http.Header
	status int
}

func (u *unread) Header() http.Header         { return u.header }
func (u *unread) Write(p []byte) (int, error) { return len(p), nil }
func (u *unread) WriteHeader(status int)      { u.status = status }
