package endtoend_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/konstruct/konstruct/integration/testdb"
)

// A server that stops has sent the spans of its requests and of their commands to PostgreSQL and Redis.
func TestServeExportsMetricsAndTraces(t *testing.T) {
	t.Parallel()
	names := make(chan string, 1000)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var export collectorpb.ExportTraceServiceRequest
		if proto.Unmarshal(raw, &export) != nil {
			return
		}
		for _, resource := range export.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					names <- span.GetName()
				}
			}
		}
	}))
	defer collector.Close()
	env := serveEnvironment(t, testdb.New(t).AppURL)
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
	server := start(t, env, "serve")
	metrics := "http://" + server.wait(t, `msg="serving metrics" address=(\S+)`)
	api := server.client(t)
	api.get(t, http.StatusOK, "/readyz")
	api.login(t, http.StatusUnauthorized, "ada@example.com", "wrong horse")
	server.wait(t, `msg=request .*trace_id=([0-9a-f]{32})`)

	response, err := http.Get(metrics + "/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `konstruct_check_passing{check="redis"} 1`)
	require.Contains(t, string(text), `konstruct_login_attempts_total{outcome="wrong_credentials"} 1`)

	server.stop(t)
	close(names)
	var seen []string
	for name := range names {
		seen = append(seen, name)
	}
	require.Subset(t, seen, []string{"GET /readyz", "PING", "POST /v1/auth/login", "SELECT portal_users"})
}

func TestServeNamesAPortForMetricsThatIsInUse(t *testing.T) {
	t.Parallel()
	env := serveEnvironment(t, testdb.New(t).AppURL)
	env["KONSTRUCT_METRICS_ADDR"] = takenAddress(t)
	out := run(t, env, failed, "serve")
	require.Contains(t, out, "KONSTRUCT_METRICS_ADDR: the address is in use")

	env["KONSTRUCT_METRICS_ADDR"] = "off"
	server := start(t, env, "serve")
	server.client(t)
	require.NotContains(t, server.text(), "serving metrics")
}

// takenAddress returns an address that is in use until the test ends.
func takenAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
