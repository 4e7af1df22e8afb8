package telemetry_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/telemetry"
)

func TestMetricsMove(t *testing.T) {
	t.Parallel()
	b := setupMetrics(t)
	before := b.scrape(t)

	require.Equal(t, http.StatusOK, b.do(t, http.MethodGet, b.agents(), "", nil))
	require.Equal(t, http.StatusUnauthorized, b.do(t, http.MethodPost, "/v1/auth/login", `{"email":"x@example.com","password":"wrong horse"}`, nil))
	require.Equal(t, http.StatusUnauthorized, b.do(t, http.MethodPost, "/v1/channels/slack/events", `{}`, nil))

	after := b.scrape(t)
	for series, least := range map[string]float64{
		"http_server_request_duration_seconds http_route=/v1/tenants/:tenant_id/agents " +
			"http_request_method=GET http_response_status_code=200": 1,
		"konstruct_db_statements_total outcome=ok":                        2,
		"konstruct_db_round_trips_total":                                  2,
		"konstruct_login_attempts_total outcome=wrong_credentials":        1,
		"konstruct_ingress_events_total channel=slack outcome=unverified": 1,
	} {
		require.GreaterOrEqual(t, after.value(series)-before.value(series), least, series)
	}
	for series, want := range map[string]float64{
		"db_client_connection_max": 4, "konstruct_isolation_healthy": 1, "http_server_active_requests": 0,
		"konstruct_db_sessions_replaced_total":                      0,
		"konstruct_login_attempts_total outcome=succeeded":          1,
		"konstruct_isolation_findings level=warning":                1,
		"konstruct_check_passing check=isolation":                   1,
		"konstruct_check_passing check=redis":                       0,
		"target_info service_name=konstruct service_version=v1.2.3": 1,
	} {
		require.Contains(t, after, strings.Fields(series)[0])
		require.InDelta(t, want, after.value(series), 0, series)
	}
	require.Positive(t, after.value("db_client_connection_count db_client_connection_state=idle"))
	require.Positive(t, after.value("go_goroutines"))
}

// The number of series depends on the routes, the statuses and the outcomes, never on what clients send.
func TestCardinalityIsBounded(t *testing.T) {
	t.Parallel()
	b := setupMetrics(t)
	round := func(n int) []string {
		id, name := uuid.NewString(), fmt.Sprint("mallory", n)
		for _, path := range []string{
			"/" + name, "/v1/" + name + "?q=" + name, "/v1/tenants/" + id, "/v1/tenants/" + name + "/agents", b.agents() + "/" + id,
			"/v1/tenants/" + b.tenant + "/agents/" + id + "/" + name, "//" + name + "%2f..%2f" + id,
		} {
			for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodHead, strings.ToUpper(name)} {
				b.do(t, method, path, `{"name":"`+name+`"}`, nil, "Host", name+".example.com", "User-Agent", name, "X-Request-Id", id,
					"X-Forwarded-For", fmt.Sprint("203.0.113.", n), "Traceparent", "00-"+strings.ReplaceAll(id, "-", "")+"-00f067aa0ba902b7-01")
			}
		}
		b.do(t, http.MethodPost, "/v1/auth/login", `{"email":"`+name+`@example.com","password":"wrong horse"}`, nil)
		b.do(t, http.MethodPost, "/v1/tenants", `{"name":"`+name+`","slug":"`+name+`"}`, nil)
		b.do(t, http.MethodPost, "/v1/channels/slack/events", `{"team_id":"`+name+`"}`, nil, "X-Slack-Signature", "v0="+name)
		return []string{id, name}
	}
	made := append(round(0), round(1)...)
	few := b.scrape(t)
	for n := range 20 {
		made = append(made, round(n+2)...)
	}
	many, series := b.scrape(t), 0
	require.Len(t, many, len(few))
	for name, family := range many {
		series += len(family.GetMetric())
		require.Len(t, few[name].GetMetric(), len(family.GetMetric()), name)
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				for _, secret := range append(made, b.tenant, email, "mallory", "example.com", "203.0.113") {
					require.NotContains(t, strings.ToLower(label.GetValue()), strings.ToLower(secret), "%s{%s}", name, label.GetName())
				}
			}
		}
	}
	require.Less(t, series, 250, "series, of which a histogram is one")
}

// goMetrics are those of client_golang's collectors, which the table names as groups.
var goMetrics = regexp.MustCompile(`^(go|process|promhttp)_`)

func TestDocsListEveryMetric(t *testing.T) {
	t.Parallel()
	b := setupMetrics(t)
	b.do(t, http.MethodGet, "/healthz", "", nil)
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n| metric |")
	require.True(t, found)
	table, _, _ := strings.Cut(section, "\n\n")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		listed = append(listed, row[1])
	}
	var exposed []string
	for _, name := range slices.Sorted(maps.Keys(b.scrape(t))) {
		if !goMetrics.MatchString(name) {
			exposed = append(exposed, name)
		}
	}
	require.ElementsMatch(t, exposed, listed)
}

func TestPprofAnswersBesideMetrics(t *testing.T) {
	t.Parallel()
	b := setupMetrics(t)
	require.Contains(t, b.fetch(t, "/debug/pprof/"), "goroutine")
	require.Contains(t, b.fetch(t, "/debug/pprof/goroutine?debug=1"), "goroutine profile")
	require.NotEmpty(t, b.fetch(t, "/debug/pprof/profile?seconds=1"))
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		require.Equal(t, http.StatusNotFound, b.do(t, http.MethodGet, path, "", nil), "the API's listener has neither")
	}
}

func TestOffIsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, telemetry.Options{})
	require.Nil(t, b.Meters())
	require.Nil(t, b.Tracers())
	require.Equal(t, http.StatusOK, b.do(t, http.MethodGet, b.agents(), "", nil))
	require.Contains(t, b.log.String(), `"route":"/v1/tenants/:tenant_id/agents"`)
	require.NotContains(t, b.log.String(), "trace_id")
}

// Dashboards and alerts name metrics that the server has. promtool checks their syntax, see check:alerts in Taskfile.yml.
func TestDashboardAndAlertsUseExposedMetrics(t *testing.T) {
	t.Parallel()
	b := setupMetrics(t)
	exposed := b.scrape(t)
	for file, want := range map[string]int{"../deploy/grafana/konstruct.json": 20, "../deploy/prometheus/alerts.yaml": 8} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		used := metricsOf(string(content))
		require.GreaterOrEqual(t, len(used), want, file)
		for name := range used {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				if base := strings.TrimSuffix(name, suffix); exposed[base].GetType() == dto.MetricType_HISTOGRAM {
					name = base
				}
			}
			require.True(t, name == "up" || exposed[name] != nil, "%s: %s", file, name)
		}
	}
}

// metricsOf returns the names that are used as metrics in the expressions of a file.
func metricsOf(content string) map[string]bool {
	names := map[string]bool{}
	expressions := regexp.MustCompile(`(?m)"expr": ".*",$|expr: (\|\n(\s{10,}.*\n)+|.*)`)
	noise := regexp.MustCompile(`"expr": "|",$|expr:|\\?"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b\w+ by \([^)]*\)|\bunless\b|\b\w+\s*\(`)
	for _, expr := range expressions.FindAllString(content, -1) {
		for _, name := range regexp.MustCompile(`[a-z]\w+`).FindAllString(noise.ReplaceAllString(expr, " "), -1) {
			names[name] = true
		}
	}
	return names
}
