package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	dto "github.com/prometheus/client_model/go"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/telemetry"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const (
	email    = "ada@example.com"
	password = "correct horse battery"
)

// testBundle is a server on loopback with its telemetry, a platform admin and a tenant.
type testBundle struct {
	*telemetry.Telemetry

	api, metrics string // base URLs
	log          *lockedBuffer
	token        string
	tenant       string // its id
}

func setup(t *testing.T, options telemetry.Options) *testBundle {
	t.Helper()
	b := &testBundle{log: &lockedBuffer{}}
	log := slog.New(telemetry.LogHandler(slog.NewJSONHandler(b.log, nil)))
	options.Version, options.Logger = "v1.2.3", log
	if options.Listener != nil {
		b.metrics = "http://" + options.Listener.Addr().String()
	}
	var err error
	b.Telemetry, err = telemetry.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Shutdown(context.WithoutCancel(t.Context()))) })

	driver, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL, pgtenant.WithMaxConns(4))
	require.NoError(t, err)
	t.Cleanup(func() { _ = driver.Close() })
	client := ent.NewClient(ent.Driver(driver))
	isolated := func(context.Context) (doctor.Report, error) {
		return doctor.Report{Findings: []doctor.Finding{{Level: doctor.LevelWarning, Code: "x", Object: "y"}}}, nil
	}
	monitor := doctor.NewMonitor(isolated, time.Minute, log)
	hasher := account.Argon2{Params: account.Params{MemoryKiB: 64, Iterations: 1, Parallelism: 1}}
	s, err := server.New(t.Context(), server.Options{
		Driver: driver, Key: bytes.Repeat([]byte{9}, 32), SlackSecret: "slack", Isolation: monitor, Logger: log,
		Hasher: hasher, Meters: b.Meters(), Tracers: b.Tracers(),
		Mail:  server.MailOptions{Sender: mail.NewBox(io.Discard), From: "konstruct@example.com"},
		Ready: []server.Check{{Name: "redis", Run: func(context.Context) error { return io.EOF }}},
	})
	require.NoError(t, err)
	require.NoError(t, b.Observe(driver, monitor))
	_, err = monitor.Check(t.Context())
	require.NoError(t, err)
	listening := httptest.NewServer(s.Handler())
	t.Cleanup(listening.Close)
	b.api = listening.URL

	_, err = account.NewUsers(client, hasher, time.Now).Create(t.Context(),
		account.NewUser{Email: email, Name: "Ada", Password: password, IsAdmin: true})
	require.NoError(t, err)
	var login struct{ Session struct{ Token string } }
	b.do(t, http.MethodPost, "/v1/auth/login", `{"email":"`+email+`","password":"`+password+`"}`, &login)
	b.token = login.Session.Token
	var tenant struct{ ID string }
	b.do(t, http.MethodPost, "/v1/tenants", `{"name":"Acme","slug":"acme"}`, &tenant)
	b.tenant = tenant.ID
	return b
}

func setupMetrics(t *testing.T) *testBundle {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return setup(t, telemetry.Options{Listener: listener})
}

// do sends a request to the API, with headers as pairs, and returns the status.
func (b *testBundle) do(t *testing.T, method, path, body string, out any, header ...string) int {
	t.Helper()
	header = append(header, "Authorization", "Bearer "+b.token, "Content-Type", "application/json")
	status, answer := send(t, method, b.api+path, body, header...)
	if out != nil {
		require.Less(t, status, 300)
		require.NoError(t, json.Unmarshal(answer, out))
	}
	return status
}

func send(t *testing.T, method, url, body string, header ...string) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for pair := range slices.Chunk(header, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, answer
}

func (b *testBundle) agents() string { return "/v1/tenants/" + b.tenant + "/agents" }

// scraped is what /metrics answered.
type scraped map[string]*dto.MetricFamily

func (b *testBundle) scrape(t *testing.T) scraped {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(b.fetch(t, "/metrics")))
	require.NoError(t, err)
	return families
}

// fetch returns what the metrics' listener answers.
func (b *testBundle) fetch(t *testing.T, path string) string {
	t.Helper()
	status, answer := send(t, http.MethodGet, b.metrics+path, "")
	require.Equal(t, http.StatusOK, status, "%s: %s", path, answer)
	return string(answer)
}

// value returns the value, or a histogram's count, of a series with at least these labels ("name label=value"), or 0.
func (s scraped) value(series string) float64 {
	fields := strings.Fields(series)
	for _, m := range s[fields[0]].GetMetric() {
		missing := slices.Clone(fields[1:])
		for _, l := range m.GetLabel() {
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == l.GetName()+"="+l.GetValue() })
		}
		if len(missing) == 0 {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return 0
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
