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
	b := setup(t)
	for _, path := range []string{"/", "/v1", "/v1/tenants/", "/V1/tenants", "/v1/nothing", "/schemas/Agent", "/openapi.yaml"} {
		got := b.get(t, b.admin, path)
		require.Equal(t, http.StatusNotFound, got.status, path)
		require.Equal(t, "not_found", got.code(t))
	}
	got := b.do(t, http.MethodPut, b.admin, "/v1/tenants", nil)
	require.Equal(t, http.StatusMethodNotAllowed, got.status)
	require.Equal(t, "method_not_allowed", got.code(t))
	require.ElementsMatch(t, []string{"GET", "HEAD", "POST"}, strings.Split(strings.ReplaceAll(got.header.Get("Allow"), " ", ""), ","))
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/healthz", "/nothing", "/v1/me", "/openapi.json"} {
		got := b.get(t, "", path, "Origin", "https://elsewhere.example", "Cookie", "session="+b.admin)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), path)
		require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'", path)
		for name := range got.header {
			require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
			require.NotEqual(t, "Set-Cookie", name)
		}
	}
	require.Equal(t, http.StatusUnauthorized, b.get(t, "", "/v1/me", "Cookie", "session="+b.admin).status)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := uuid.NewString()
	require.Equal(t, id, b.get(t, "", "/healthz", "X-Request-ID", id).header.Get("X-Request-ID"))
	for _, bad := range []string{"", "short", "xoxb-0123456789abcdef", strings.Repeat("a", 65), "0123456789abcdef\n"} {
		got := b.get(t, "", "/healthz", "X-Request-ID", bad).header.Get("X-Request-ID")
		require.NotEqual(t, bad, got)
		require.NoError(t, uuid.Validate(got))
	}
	require.Contains(t, b.logs.String(), `"request_id":"`+id+`"`)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := `{"name": "x", "slug": "x"}`
	body += strings.Repeat(" ", 1<<20-len(body))
	got := b.post(t, b.admin, "/v1/tenants", body+" ")
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	require.Equal(t, "request_too_large", got.code(t))
	require.Equal(t, http.StatusCreated, b.post(t, b.admin, "/v1/tenants", body).status, "1 MiB")
}

func TestIsolationFindingBlocksTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	require.Equal(t, http.StatusOK, b.get(t, "", "/readyz").status)

	b.isolation.finding.Store(errorFinding())
	_, err := b.monitor.Check(t.Context())
	require.NoError(t, err)
	b.advance(2 * time.Second)
	for _, got := range []response{
		b.get(t, b.admin, tenant+"/agents"), b.get(t, "", tenant+"/agents"),
		b.do(t, http.MethodDelete, b.admin, tenant+"?purge=true", nil), b.post(t, "", "/v1/channels/slack/events", `{}`),
	} {
		require.Equal(t, http.StatusServiceUnavailable, got.status)
		require.Equal(t, "unavailable", got.code(t))
		require.NotContains(t, got.body, "policy")
	}
	ready := b.get(t, "", "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.JSONEq(t, `{"status": "not_ready", "checks": [{"name": "isolation", "status": "failing", "required": true}]}`, ready.body)
	require.Equal(t, http.StatusOK, b.get(t, b.admin, "/v1/tenants").status, "the platform's tables are served")

	b.isolation.finding.Store(nil)
	_, err = b.monitor.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, b.get(t, b.admin, tenant+"/agents").status)
}

func TestMissingIsolationCheckBlocksTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Isolation = doctor.NewMonitor(b.isolation.check, time.Minute, slog.New(slog.DiscardHandler))
	b.options.Docs = false
	var err error
	b.Server, err = server.New(t.Context(), b.options)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, b.get(t, b.admin, "/v1/tenants/"+uuid.NewString()+"/agents").status)
	require.Equal(t, http.StatusNotFound, b.get(t, "", "/docs").status, "off by default")
	require.Equal(t, http.StatusNotFound, b.get(t, "", "/openapi.json").status)
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	broken := errors.New("canary-4711")
	b := setup(t, func(o *server.Options) {
		o.Ready = []server.Check{
			{Name: "postgresql", Required: true, Run: o.Driver.Pool().Ping},
			{Name: "redis", Run: failing(broken)},
		}
	})
	got := b.get(t, "", "/readyz")
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
		b := setup(t, func(o *server.Options) { o.TrustedProxies = tt.proxies })
		id := uuid.NewString()
		// The first line is from the client; HAProxy adds a second one.
		b.get(t, "", "/healthz", "X-Forwarded-For", "198.18.0.1", "X-Forwarded-For", "203.0.113.7", "X-Real-Ip", "203.0.113.8", "X-Request-ID", id)
		require.Contains(t, lineWith(b.logs.String(), id), `"client":"`+tt.client+`"`, tt.proxies)
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

func TestNewRejectsInvalidOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)

	for name, tt := range map[string]struct {
		change func(*server.Options)
		want   error
	}{
		"a short key":          {func(o *server.Options) { o.Key = o.Key[:31] }, server.ErrOptions},
		"no doctor":            {func(o *server.Options) { o.Isolation = nil }, server.ErrOptions},
		"an invalid network":   {func(o *server.Options) { o.TrustedProxies = []netip.Prefix{{}} }, server.ErrOptions},
		"no client":            {func(o *server.Options) { o.Client = nil }, server.ErrOptions},
		"no driver":            {func(o *server.Options) { o.Driver = nil }, server.ErrOptions},
		"no logger":            {func(o *server.Options) { o.Logger = nil }, server.ErrOptions},
		"a blank slack secret": {func(o *server.Options) { o.SlackSecret = " " }, slack.ErrEmptySecret},
	} {
		options := b.options
		tt.change(&options)
		_, err := server.New(t.Context(), options)
		require.ErrorIs(t, err, tt.want, name)
	}
}

func TestContentLength(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	for range 21 {
		b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	}
	listening := httptest.NewServer(b.Handler())
	defer listening.Close()
	for path, status := range map[string]int{
		tenant + "/agents": http.StatusOK, "/healthz": http.StatusOK, "/openapi.json": http.StatusOK, "/docs": http.StatusOK,
		"/nowhere": http.StatusNotFound, tenant + "/agents?limit=0": http.StatusUnprocessableEntity,
		tenant + "/agents?limit=1&limit=2":  http.StatusUnprocessableEntity,
		tenant + "/agents?" + manyUnknown(): http.StatusUnprocessableEntity,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			request, err := http.NewRequestWithContext(t.Context(), method, listening.URL+path, nil)
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+b.admin)
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

// manyUnknown returns a query whose problem exceeds the size up to which net/http sets the Content-Length.
func manyUnknown() string {
	query := url.Values{}
	for i := range 40 {
		query.Set(strings.Repeat("x", 20)+string(rune('a'+i%26))+strings.Repeat("y", i/26), "")
	}
	return query.Encode()
}
