package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, r := range b.createAll(t) {
		update := func(etag string) response { return b.admin.patch(t, r.path, etag, r.update) }
		update("").is(428)
		first := update(r.etag).is(200)
		require.NotEqual(t, r.etag, first.etag())
		unquoted := strings.Trim(first.etag(), `"`)
		for _, stale := range []string{r.etag, "W/" + r.etag, r.etag + `, "abc"`, `"abc"`, `"garbage!"`, unquoted, `""`, ","} {
			update(stale).is(412)
		}
		b.admin.get(t, r.path).sameAs(first) // nothing was changed
		second := update(r.etag + ", " + first.etag()).is(200)
		require.NotEqual(t, first.etag(), second.etag(), "a new version at the same time")
		update(first.etag()).is(412)
		update("*").is(200)
		b.admin.delete(t, r.path, "If-Match", second.etag()).is(412)
		b.admin.get(t, r.path).is(200)
	}
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, etag := b.createAgent(t, b.createTenant(t, "a"))
	for _, tags := range []string{etag, "W/" + etag, `"other", W/` + etag, "*", strings.TrimSuffix(etag, `"`) + `-gzip"`} {
		got := b.admin.get(t, path, "If-None-Match", tags).is(304)
		require.Equal(t, etag, got.etag())
		require.Empty(t, got.body)
	}
	b.admin.get(t, path, "If-None-Match", `"other"`, "If-None-Match", etag).is(304)
	b.admin.get(t, path, "If-None-Match", `"other"`).is(200)

	weak := b.admin.patch(t, path, "W/"+etag, `{"name": "Mara II"}`).is(200) // compressing proxies weaken tags
	b.admin.do(t, http.MethodPatch, path, `{"name": "Mara III"}`, "If-Match", `"other"`, "If-Match", weak.etag()).is(200)
	b.exec(t, `UPDATE agents SET updated_at = 'epoch'`) // an imported row
	b.admin.patch(t, path, b.admin.get(t, path).etag(), `{"name": "Mara IV"}`).is(200)
	for _, empty := range []string{"", " ", ","} { // not unconditional
		b.admin.delete(t, path, "If-Match", empty).is(412)
	}
}

func TestEmptyUpdate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, r := range b.createAll(t) {
		before := b.admin.get(t, r.path)
		require.Equal(t, before.at("created_at"), before.at("updated_at"), "one time for a new row")
		got := b.admin.patch(t, r.path, r.etag, `{}`)
		got.sameAs(before)
		require.Equal(t, r.etag, got.etag())
		b.admin.patch(t, r.path, `"2ok5gyv0i0w"`, `{}`).is(412)
		b.admin.patch(t, r.path, "", `{}`).is(428)
		b.admin.patch(t, r.list+"/00000000", "*", `{}`).is(404)
	}
}

func TestListsAreSummaries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, r := range b.createAll(t) {
		list, full := b.admin.get(t, r.list), b.admin.get(t, r.path)
		require.Contains(t, full.body, "detail")
		require.NotContains(t, list.body, "detail")
		item := list.items()[0]
		require.Equal(t, r.etag, item["etag"], "valid as If-Match")
		delete(item, "etag")
		require.Subset(t, full.json(), item)
	}
}

// TestPageIsBoundedInBytes: rows written by SQL can have texts of any length.
func TestPageIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	for i := range 5 {
		b.create(t, tenant+"/agents", object{"name": strconv.Itoa(i)})
	}
	b.exec(t, `UPDATE agents SET role = repeat('x', 400000)`)
	pages, names := b.admin.pages(t, tenant+"/agents?limit=50")
	require.Len(t, pages, 3, "two agents a page")
	for _, page := range pages {
		require.Less(t, len(page.body), 2<<20)
	}
	require.Equal(t, []any{"0", "1", "2", "3", "4"}, names)
}

func TestInvalidQueries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	for path, want := range map[string]string{
		"/v1/tenants?limits=5":              "query.limits unknown",
		tenant + "/agents?Limit=5":          "query.Limit unknown",
		tenant + "?x":                       "query.x unknown",
		"/v1/me?a=b":                        "query.a unknown",
		tenant + "/agents?limit=0":          "query.limit too_small",
		tenant + "/agents?limit=201":        "query.limit too_large",
		tenant + "/agents?limit=x":          "query.limit type",
		tenant + "/agents?cursor=x;y":       "query malformed",
		tenant + "/agents?cursor=%zz":       "query malformed",
		tenant + "/agents?%zz=1":            "query malformed",
		tenant + "/agents?limit=1&limit=2":  "query.limit repeated",
		tenant + "/agents?cursor=&cursor=x": "query.cursor repeated",
	} {
		got := b.admin.get(t, path).is(422)
		require.Equal(t, want, fmt.Sprint(got.at("errors", 0, "field"), " ", got.at("errors", 0, "code")), path)
		require.Len(t, got.fields(), 1)
	}
	b.admin.delete(t, tenant+"?purge=false&purge=true").invalid("query.purge")
	b.anyone.get(t, "/healthz?from=balancer;a").is(200)
}

func TestContentTypesAndEncodings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i, tt := range []struct {
		status int
		header []string
	}{
		{201, []string{"Content-Type", ""}}, // absent
		{201, []string{"Content-Encoding", "identity"}},
		{201, []string{"Content-Type", `application/json; charset="UTF-8"`}},
		{201, []string{"Content-Type", "Application/JSON; Charset=utf-8"}},
		{201, []string{"Content-Type", "application/json;charset=utf8"}},
		{415, []string{"Content-Type", "application/json; charset=latin1"}},
		{415, []string{"Content-Type", "application/json; charset=latin1; charset=utf-8"}},
		{415, []string{"Content-Type", "application/json", "Content-Type", "text/plain"}},
		{415, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{415, []string{"Content-Encoding", "gzip"}},
		{415, []string{"Content-Encoding", "identity", "Content-Encoding", "gzip"}},
	} {
		b.admin.post(t, "/v1/tenants", fmt.Sprintf(`{"name": "a%d", "slug": "a%[1]d"}`, i), tt.header...).is(tt.status)
	}
	b.admin.post(t, "/v1/tenants", "\ufeff"+`{"name": "with a byte order mark", "slug": "b"}`, "Content-Type", "").is(201)
}

// TestHeadAndTruncatedBodies requires real connections.
func TestHeadAndTruncatedBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	listening := httptest.NewServer(b.Handler())
	t.Cleanup(listening.Close)
	agent, etag := b.createAgent(t, b.createTenant(t, "a"))
	for _, path := range []string{"/healthz", "/readyz", "/v1/me", agent, "/docs", "/openapi.json"} {
		got, body := fetch(t, http.MethodHead, listening.URL+path, b.admin.token)
		want, _ := fetch(t, http.MethodGet, listening.URL+path, b.admin.token)
		require.Equal(t, want.StatusCode, got.StatusCode, path)
		require.Empty(t, body, path)
		require.Equal(t, want.Header.Get("Content-Type"), got.Header.Get("Content-Type"), path)
	}
	got, _ := fetch(t, http.MethodHead, listening.URL+agent, b.admin.token)
	require.Equal(t, etag, got.Header.Get("ETag"))
	got, _ = fetch(t, http.MethodHead, listening.URL+"/v1/auth/login", "")
	require.Equal(t, 405, got.StatusCode)

	head := "POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b.admin.token + "\r\nContent-Type: application/json\r\n"
	require.Equal(t, 413, exchange(t, listening, head+"Content-Length: 1048577\r\n\r\n", false), "before the body")
	logged := len(b.logs.String())
	require.Equal(t, 400, exchange(t, listening, head+"Content-Length: 100\r\n\r\n{\"name\":", true))
	require.Equal(t, 400, exchange(t, listening, head+"Transfer-Encoding: chunked\r\n\r\nzzz\r\n", true))
	require.NotContains(t, b.logs.String()[logged:], `"level":"ERROR"`, "a disconnect is not a server error")
}

func fetch(t *testing.T, method, url, token string) (response *http.Response, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err = http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, body
}

// exchange writes a raw request, optionally closes the sending half of the connection, and returns the status.
func exchange(t *testing.T, server *httptest.Server, request string, closeWrite bool) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	if closeWrite {
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer func() { _ = got.Body.Close() }()
	return got.StatusCode
}

// TestInvalidIDsAreNotFound: unknown, malformed and non-canonical ids are the same 404.
func TestInvalidIDsAreNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	id := idText(tenant)
	const unknown = "018f6d0e-0000-7000-8000-0000000000aa"
	missing := b.admin.get(t, tenant+"/agents/"+unknown).is(404)
	for _, path := range []string{
		tenant + "/agents/" + unknown, tenant + "/channel-connections/" + unknown, "/v1/tenants/" + unknown,
		tenant + "/agents/x", tenant + "/agents/" + strings.ToUpper(id), tenant + "/agents/00000000-0000-0000-0000-000000000000",
		tenant + "/channel-connections/{" + id + "}", "/v1/tenants/urn:uuid:" + id, "/v1/tenants/x", "/v1/tenants/" + strings.ReplaceAll(id, "-", ""),
	} {
		b.admin.get(t, path).sameAs(missing)
		b.admin.delete(t, path).sameAs(missing)
		b.admin.patch(t, path, "", `{}`).sameAs(missing)
	}
	b.admin.patch(t, tenant+"/agents/x", "", `{"unknown": 1}`).sameAs(missing)
	b.admin.get(t, "/v1/tenants/"+strings.ToUpper(id)+"/agents").sameAs(missing)
	b.admin.get(t, "/v1/tenants/x/agents").sameAs(missing)
}

// TestDocumentExamples sends the request examples of the document.
func TestDocumentExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	examples := map[string]any{}
	operations(t, func(_, _ string, op *openapi3.Operation) {
		if op.RequestBody != nil && op.OperationID != "receive-slack-event" {
			examples[op.OperationID] = op.RequestBody.Value.Content["application/json"].Example
			require.NotNil(t, examples[op.OperationID], op.OperationID)
		}
	})
	b.anyone.post(t, "/v1/auth/login", examples["login"]).is(401, "invalid_credentials")
	tenant, etag := b.create(t, "/v1/tenants", examples["create-tenant"])
	for list, name := range map[string]string{"/agents": "agent", "/channel-connections": "channel-connection"} {
		path, etag := b.create(t, tenant+list, examples["create-"+name])
		b.admin.patch(t, path, etag, examples["update-"+name]).is(200)
	}
	b.admin.patch(t, tenant, etag, examples["update-tenant"]).is(200)
}
