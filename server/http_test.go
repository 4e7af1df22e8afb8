package server_test

import (
	"errors"
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
)

func TestUnknownRoutesAndMethods(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/v1", "/v1/tenants/", "/V1/tenants", "/v1/nothing", "/schemas/Agent", "/openapi.yaml"} {
		b.admin.get(t, path).is(404)
	}
	got := b.admin.do(t, http.MethodPut, "/v1/tenants", nil).is(405)
	require.ElementsMatch(t, []string{"GET", "HEAD", "POST"}, strings.Split(strings.ReplaceAll(got.header.Get("Allow"), " ", ""), ","))
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/healthz", "/nothing", "/v1/me", "/openapi.json"} {
		got := b.anyone.get(t, path, "Origin", "https://elsewhere.example", "Cookie", "session="+b.admin.token)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"), path)
		require.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'", path)
		for name := range got.header {
			require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
			require.NotEqual(t, "Set-Cookie", name)
		}
	}
	b.anyone.get(t, "/v1/me", "Cookie", "session="+b.admin.token).is(401)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sent := func(id string) string {
		return b.anyone.get(t, "/healthz", "X-Request-ID", id).header.Get("X-Request-ID")
	}
	id := uuid.NewString()
	require.Equal(t, id, sent(id))
	for _, bad := range []string{"", "short", "xoxb-0123456789abcdef", strings.Repeat("a", 65), "0123456789abcdef\n"} {
		got := sent(bad)
		require.NotEqual(t, bad, got)
		require.NoError(t, uuid.Validate(got))
	}
	require.Len(t, b.logLines(t, "request_id", id), 1)
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := `{"name": "x", "slug": "x"}`
	body += strings.Repeat(" ", 1<<20-len(body))
	b.admin.post(t, "/v1/tenants", body+" ").is(413)
	b.admin.post(t, "/v1/tenants", body).is(201) // 1 MiB
}

func TestIsolationFindingBlocksTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.anyone.get(t, "/readyz").is(200)

	b.checkIsolation(t, errorFinding())
	b.advance(2 * time.Second)
	for _, got := range []response{
		b.admin.get(t, tenant+"/agents"), b.anyone.get(t, tenant+"/agents"), b.admin.delete(t, tenant+"?purge=true"), b.anyone.post(t, slackPath, `{}`),
	} {
		require.NotContains(t, got.is(503).body, "policy")
	}
	ready := b.anyone.get(t, "/readyz")
	require.Equal(t, 503, ready.status)
	require.JSONEq(t, `{"status": "not_ready", "checks": [{"name": "isolation", "status": "failing", "required": true}]}`, ready.body)
	b.admin.get(t, "/v1/tenants").is(200)

	b.checkIsolation(t, nil)
	b.admin.get(t, tenant+"/agents").is(200)
}

func TestMissingIsolationCheckBlocksTenants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.restart(t, func(o *server.Options) { o.Isolation, o.Docs = b.isolation.monitor(time.Minute), false })
	b.admin.get(t, "/v1/tenants/"+uuid.NewString()+"/agents").is(503)
	b.anyone.get(t, "/docs").is(404) // off by default
	b.anyone.get(t, "/openapi.json").is(404)
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) {
		o.Ready = []server.Check{
			{Name: "postgresql", Required: true, Run: o.Driver.Pool().Ping},
			{Name: "redis", Run: failing(errors.New("canary-4711"))},
		}
	})
	require.JSONEq(t, `{"status": "ready", "checks": [
		{"name": "isolation", "status": "ok", "required": true},
		{"name": "postgresql", "status": "ok", "required": true},
		{"name": "redis", "status": "failing", "required": false}]}`, b.anyone.get(t, "/readyz").is(200).body)
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tt := range []struct {
		proxies []netip.Prefix
		client  string
	}{
		{nil, "192.0.2.1"}, // httptest's remote address
		{networks("198.51.100.0/24"), "192.0.2.1"},
		{networks("192.0.2.0/24"), "203.0.113.7"},
	} {
		b.restart(t, func(o *server.Options) { o.TrustedProxies = tt.proxies })
		id := uuid.NewString()
		// The first line is from the client; HAProxy adds a second one.
		b.anyone.get(t, "/healthz", "X-Forwarded-For", "198.18.0.1", "X-Forwarded-For", "203.0.113.7", "X-Real-Ip", "203.0.113.8", "X-Request-ID", id)
		require.Equal(t, tt.client, b.logLines(t, "request_id", id)[0]["client"], tt.proxies)
	}
}

func networks(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }

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
		b.createAgent(t, tenant)
	}
	listening := httptest.NewServer(b.Handler())
	defer listening.Close()
	for path, status := range map[string]int{
		tenant + "/agents": 200, "/healthz": 200, "/openapi.json": 200, "/docs": 200,
		"/nowhere": 404, tenant + "/agents?limit=0": 422, tenant + "/agents?limit=1&limit=2": 422, tenant + "/agents?" + manyUnknown(): 422,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got, body := fetch(t, method, listening.URL+path, b.admin.token)
			require.Equal(t, status, got.StatusCode, path)
			require.Empty(t, got.TransferEncoding, path)
			require.Positive(t, got.ContentLength, path)
			if method == http.MethodGet {
				require.Len(t, body, int(got.ContentLength), path)
			}
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
