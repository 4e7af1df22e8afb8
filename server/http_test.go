package server_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func TestUnknownRoutesAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/", "/v1", "/v1/tenants/", "/V1/tenants", "/v1/nothing", "/schemas/Agent", "/openapi.yaml"} {
		got := w.get(t, w.admin, path)
		require.Equal(t, http.StatusNotFound, got.status, path)
		require.Equal(t, "not_found", got.code(t))
	}
	got := w.do(t, http.MethodPut, w.admin, "/v1/tenants", nil)
	require.Equal(t, http.StatusMethodNotAllowed, got.status)
	require.Equal(t, "method_not_allowed", got.code(t))
	require.ElementsMatch(t, []string{"GET", "HEAD", "POST"}, strings.Split(strings.ReplaceAll(got.header.Get("Allow"), " ", ""), ","))
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/healthz", "/nothing", "/v1/me", "/openapi.json"} {
		got := w.get(t, "", path, "Origin", "https://elsewhere.example", "Cookie", "session="+w.admin)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), path)
		require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'", path)
		for name := range got.header {
			require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
			require.NotEqual(t, "Set-Cookie", name)
		}
	}
	require.Equal(t, http.StatusUnauthorized, w.get(t, "", "/v1/me", "Cookie", "session="+w.admin).status)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := uuid.NewString()
	require.Equal(t, id, w.get(t, "", "/healthz", "X-Request-ID", id).header.Get("X-Request-ID"))
	for _, bad := range []string{"", "short", "xoxb-0123456789abcdef", strings.Repeat("a", 65), "0123456789abcdef\n"} {
		got := w.get(t, "", "/healthz", "X-Request-ID", bad).header.Get("X-Request-ID")
		require.NotEqual(t, bad, got)
		require.NoError(t, uuid.Validate(got))
	}
	require.Contains(t, w.logs.String(), `"request_id":"`+id+`"`)
}

func TestBodiesAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"name": "x", "slug": "x"}`
	body += strings.Repeat(" ", 1<<20-len(body))
	got := w.post(t, w.admin, "/v1/tenants", body+" ")
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	require.Equal(t, "request_too_large", got.code(t))
	require.Equal(t, http.StatusCreated, w.post(t, w.admin, "/v1/tenants", body).status, "1 MiB")
}

// TestUnprovenIsolationServesNoTenant: whoever asks.
func TestUnprovenIsolationServesNoTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant(t, "acme")
	require.Equal(t, http.StatusOK, w.get(t, "", "/readyz").status)

	w.isolation.finding.Store(leak())
	_, err := w.monitor.Check(t.Context())
	require.NoError(t, err)
	w.pass(2 * time.Second)
	for _, got := range []answer{
		w.get(t, w.admin, tenant+"/agents"), w.get(t, "", tenant+"/agents"),
		w.do(t, http.MethodDelete, w.admin, tenant+"?purge=true", nil), w.post(t, "", "/v1/channels/slack/events", `{}`),
	} {
		require.Equal(t, http.StatusServiceUnavailable, got.status)
		require.Equal(t, "unavailable", got.code(t))
		require.NotContains(t, got.body, "policy")
	}
	ready := w.get(t, "", "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.JSONEq(t, `{"status": "not_ready", "checks": [{"name": "isolation", "status": "failing", "required": true}]}`, ready.body)
	require.Equal(t, http.StatusOK, w.get(t, w.admin, "/v1/tenants").status, "the platform's own tables are served")

	w.isolation.finding.Store(nil)
	_, err = w.monitor.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.get(t, w.admin, tenant+"/agents").status)
}

func TestAnUncheckedServerServesNoTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	options := server.Options{
		Client: w.client, Driver: w.drv, Box: w.box, Key: make([]byte, 32), SlackSecret: slackSecret,
		Isolation: doctor.NewMonitor(w.isolation.check, time.Minute, slog.New(slog.DiscardHandler)),
		Logger:    slog.New(slog.DiscardHandler), Hasher: w.hasher,
	}
	s, err := server.New(t.Context(), options)
	require.NoError(t, err)
	unchecked := &world{Server: s}
	require.Equal(t, http.StatusServiceUnavailable, unchecked.get(t, w.admin, "/v1/tenants/"+uuid.NewString()+"/agents").status)
	require.Equal(t, http.StatusNotFound, unchecked.get(t, "", "/docs").status, "off unless enabled")
	require.Equal(t, http.StatusNotFound, unchecked.get(t, "", "/openapi.json").status)
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	broken := errors.New("canary-4711")
	w := newWorld(t, func(o *server.Options) {
		o.Ready = []server.Check{
			{Name: "postgresql", Required: true, Run: o.Driver.Pool().Ping},
			{Name: "redis", Run: failing(broken)},
		}
	})
	got := w.get(t, "", "/readyz")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.JSONEq(t, `{"status": "ready", "checks": [
		{"name": "isolation", "status": "ok", "required": true},
		{"name": "postgresql", "status": "ok", "required": true},
		{"name": "redis", "status": "failing", "required": false}]}`, got.body)
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		proxies []netip.Prefix
		client  string
	}{
		{nil, "192.0.2.1"}, // httptest's remote address
		{networks("198.51.100.0/24"), "192.0.2.1"},
		{networks("192.0.2.0/24"), "203.0.113.7"},
	} {
		w := newWorld(t, func(o *server.Options) { o.TrustedProxies = tt.proxies })
		id := uuid.NewString()
		// The first line is the client's own claim: HAProxy adds a second one.
		w.get(t, "", "/healthz", "X-Forwarded-For", "198.18.0.1", "X-Forwarded-For", "203.0.113.7", "X-Real-Ip", "203.0.113.8", "X-Request-ID", id)
		require.Contains(t, lineWith(w.logs.String(), id), `"client":"`+tt.client+`"`, tt.proxies)
	}
}

func networks(texts ...string) (prefixes []netip.Prefix) {
	for _, text := range texts {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	return prefixes
}

func lineWith(log, part string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := server.Options{
		Client: w.client, Driver: w.drv, Box: w.box, Key: make([]byte, 32), SlackSecret: slackSecret,
		Isolation: w.monitor, Logger: slog.New(slog.DiscardHandler), Hasher: w.hasher,
	}
	_, err := server.New(t.Context(), good)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		change func(*server.Options)
		want   error
	}{
		"a short key":             {func(o *server.Options) { o.Key = o.Key[:31] }, server.ErrOptions},
		"no doctor":               {func(o *server.Options) { o.Isolation = nil }, server.ErrOptions},
		"an invalid network":      {func(o *server.Options) { o.TrustedProxies = []netip.Prefix{{}} }, server.ErrOptions},
		"no client":               {func(o *server.Options) { o.Client = nil }, server.ErrOptions},
		"no driver":               {func(o *server.Options) { o.Driver = nil }, server.ErrOptions},
		"nowhere to log":          {func(o *server.Options) { o.Logger = nil }, server.ErrOptions},
		"a slack secret of blank": {func(o *server.Options) { o.SlackSecret = " " }, slack.ErrEmptySecret},
	} {
		options := good
		tt.change(&options)
		_, err := server.New(t.Context(), options)
		require.ErrorIs(t, err, tt.want, name)
	}
}

func TestAnswersHaveTheirLength(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant(t, "acme")
	for range 21 {
		w.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	}
	listening := httptest.NewServer(w.Handler())
	defer listening.Close()
	for path, status := range map[string]int{
		tenant + "/agents": http.StatusOK, "/healthz": http.StatusOK, "/openapi.json": http.StatusOK, "/docs": http.StatusOK,
		"/nowhere": http.StatusNotFound, tenant + "/agents?limit=0": http.StatusUnprocessableEntity,
		tenant + "/agents?limit=1&limit=2":  http.StatusUnprocessableEntity,
		tenant + "/agents?" + manyUnknown(): http.StatusUnprocessableEntity,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			request, err := http.NewRequestWithContext(t.Context(), method, listening.URL+path, http.NoBody)
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+w.admin)
			got, err := listening.Client().Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			require.NoError(t, got.Body.Close())
			require.Equal(t, status, got.StatusCode, path)
			require.Empty(t, got.TransferEncoding, path)
			if method == http.MethodGet {
				require.Len(t, body, int(got.ContentLength), path)
			}
			require.Positive(t, got.ContentLength, path)
		}
	}
}

// manyUnknown is a query whose problem is longer than what net/http measures by itself.
func manyUnknown() string {
	query := url.Values{}
	for i := range 40 {
		query.Set(strings.Repeat("x", 20)+string(rune('a'+i%26))+strings.Repeat("y", i/26), "")
	}
	return query.Encode()
}
