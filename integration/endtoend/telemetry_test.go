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
	env := served(t, testdb.New(t))
	env["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.URL
	server := start(t, env, "serve")
	metrics := "http://" + server.wait(t, `msg="serving metrics" address=(\S+)`)
	api := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}
	api.do(t, http.StatusOK, http.MethodGet, "/readyz", nil)
	api.do(t, http.StatusUnauthorized, http.MethodPost, "/v1/auth/login", object{"email": "ada@example.com", "password": "wrong horse"})
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
	seen := map[string]bool{}
	for name := range names {
		seen[name] = true
	}
	for _, name := range []string{"GET /readyz", "PING", "POST /v1/auth/login", "SELECT portal_users"} {
		require.True(t, seen[name], "%s is not in %v", name, seen)
	}
}

func TestServeNamesAPortForMetricsThatIsInUse(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	env := served(t, testdb.New(t))
	env["KONSTRUCT_METRICS_ADDR"] = taken.Addr().String()
	out, code := run(t, env, "", "serve")
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "KONSTRUCT_METRICS_ADDR: another program listens there")

	env["KONSTRUCT_METRICS_ADDR"] = "off"
	server := start(t, env, "serve")
	server.wait(t, `msg=listening`)
	require.NotContains(t, server.text(), "serving metrics")
}
