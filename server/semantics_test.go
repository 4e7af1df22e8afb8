package server_test

import (
	"bufio"
	"encoding/json"
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

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path, etag := b.create(t, b.createTenant(t, "a")+"/agents", map[string]any{"name": "Mara"})
	for _, tags := range []string{etag, "W/" + etag, `"other", W/` + etag, "*", strings.TrimSuffix(etag, `"`) + `-gzip"`} {
		got := b.get(t, b.admin, path, "If-None-Match", tags)
		require.Equal(t, http.StatusNotModified, got.status, tags)
		require.Equal(t, etag, got.header.Get("ETag"))
		require.Empty(t, got.body)
	}
	require.Equal(t, http.StatusNotModified, b.get(t, b.admin, path, "If-None-Match", `"other"`, "If-None-Match", etag).status, "two lines")
	require.Equal(t, http.StatusOK, b.get(t, b.admin, path, "If-None-Match", `"other"`).status)

	rename := func(name string, header ...string) response {
		return b.do(t, http.MethodPatch, b.admin, path, map[string]any{"name": name}, header...)
	}
	weak := rename("Mara II", "If-Match", "W/"+etag)
	require.Equal(t, http.StatusOK, weak.status, "compressing proxies weaken tags")
	require.Equal(t, http.StatusPreconditionFailed, rename("Mara III", "If-Match", "W/"+etag).status, "stale")
	require.Equal(t, http.StatusOK, rename("Mara III", "If-Match", `"other"`, "If-Match", weak.header.Get("ETag")).status, "two lines")

	b.exec(t, `UPDATE agents SET updated_at = 'epoch'`)
	require.Equal(t, http.StatusOK, rename("Mara IV", "If-Match", b.get(t, b.admin, path).header.Get("ETag")).status, "an imported row")

	for _, empty := range []string{"", " ", ","} {
		require.Equal(t, http.StatusPreconditionFailed, b.do(t, http.MethodDelete, b.admin, path, nil, "If-Match", empty).status,
			"%q is not unconditional", empty)
	}
}

func TestEmptyUpdate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, tenantTag := b.create(t, "/v1/tenants", map[string]any{"name": "a", "slug": "a"})
	agent, agentTag := b.create(t, tenant+"/agents", map[string]any{"name": "Mara"})
	connection, connectionTag := b.create(t, tenant+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T1"})
	for path, tag := range map[string]string{tenant: tenantTag, agent: agentTag, connection: connectionTag} {
		before := b.get(t, b.admin, path)
		require.Equal(t, before.at(t, "created_at"), before.at(t, "updated_at"), "one time for a new row")
		got := b.do(t, http.MethodPatch, b.admin, path, `{}`, "If-Match", tag)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, tag, got.header.Get("ETag"))
		require.Equal(t, before.body, got.body)
		require.Equal(t, http.StatusPreconditionFailed, b.do(t, http.MethodPatch, b.admin, path, `{}`, "If-Match", `"2ok5gyv0i0w"`).status)
		require.Equal(t, http.StatusPreconditionRequired, b.do(t, http.MethodPatch, b.admin, path, `{}`).status)
	}
	require.Equal(t, http.StatusNotFound, b.do(t, http.MethodPatch, b.admin, tenant+"/agents/"+strings.Repeat("0", 8), `{}`, "If-Match", "*").status)
}

func TestListsAreSummaries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, tenantTag := b.create(t, "/v1/tenants", map[string]any{"name": "a", "slug": "a", "settings": map[string]any{"long": "canary"}})
	agent, agentTag := b.create(t, tenant+"/agents", map[string]any{"name": "Mara", "system_prompt": "canary", "persona": "canary"})
	connection, connectionTag := b.create(t, tenant+"/channel-connections",
		map[string]any{"channel_type": "slack", "workspace_id": "T1", "config": map[string]any{"c": "canary"}})
	for path, tag := range map[string]string{tenant: tenantTag, agent: agentTag, connection: connectionTag} {
		list := b.get(t, b.admin, path[:strings.LastIndex(path, "/")])
		require.NotContains(t, list.body, "canary")
		item := list.at(t, "items").([]any)[0].(map[string]any)
		require.Equal(t, tag, item["etag"], "valid as If-Match")
		full := b.get(t, b.admin, path).json(t)
		for name, value := range item {
			if name != "etag" {
				require.Equal(t, full[name], value, name)
			}
		}
	}
}

// TestPageIsBoundedInBytes: rows written by SQL can have texts of any length.
func TestPageIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	for i := range 5 {
		b.create(t, tenant+"/agents", map[string]any{"name": strconv.Itoa(i)})
	}
	b.exec(t, `UPDATE agents SET role = repeat('x', 400000)`)
	var names []string
	pages, cursor := 0, ""
	for ; pages == 0 || cursor != ""; pages++ {
		page := b.get(t, b.admin, tenant+"/agents?cursor="+cursor)
		require.Equal(t, http.StatusOK, page.status, page.body)
		require.Less(t, len(page.body), 2<<20)
		body := page.json(t)
		for _, item := range body["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		cursor, _ = body["next_cursor"].(string)
	}
	require.Equal(t, 3, pages, "two agents a page")
	require.Equal(t, []string{"0", "1", "2", "3", "4"}, names)
}

func TestUnknownQueryParameters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	for path, field := range map[string]string{
		"/v1/tenants?limits=5": "query.limits", tenant + "/agents?Limit=5": "query.Limit", tenant + "?x": "query.x", "/v1/me?a=b": "query.a",
	} {
		got := b.get(t, b.admin, path)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, path)
		require.Equal(t, []string{field}, got.fields(t))
		require.Equal(t, "unknown", got.json(t)["errors"].([]any)[0].(map[string]any)["code"])
	}
	for query, want := range map[string]string{
		"cursor=x;y": "query malformed", "cursor=%zz": "query malformed", "%zz=1": "query malformed",
		"limit=1&limit=2": "query.limit repeated", "cursor=&cursor=x": "query.cursor repeated",
	} {
		got := b.get(t, b.admin, tenant+"/agents?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, query)
		fault, _ := got.at(t, "errors").([]any)[0].(map[string]any)
		require.Equal(t, want, fmt.Sprint(fault["field"], " ", fault["code"]), query)
	}
	require.Equal(t, http.StatusUnprocessableEntity, b.do(t, http.MethodDelete, b.admin, tenant+"?purge=false&purge=true", nil).status)
	require.Equal(t, http.StatusOK, b.get(t, "", "/healthz?from=balancer;a").status)
}

func TestContentTypesAndEncodings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, tt := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"compressed":        {"\x1f\x8b", []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"not UTF-8":         {`{"name":"a","slug":"a"}`, []string{"Content-Type", "application/json; charset=latin1"}, http.StatusUnsupportedMediaType},
		"as it is":          {`{"name":"a","slug":"a"}`, []string{"Content-Encoding", "identity"}, http.StatusCreated},
		"UTF-8":             {`{"name":"b","slug":"b"}`, []string{"Content-Type", `application/json; charset="UTF-8"`}, http.StatusCreated},
		"a byte order mark": {"\ufeff" + `{"name":"c","slug":"c"}`, nil, http.StatusCreated},
		"in capitals":       {`{"name":"D","slug":"d"}`, []string{"Content-Type", "Application/JSON; Charset=utf-8"}, http.StatusCreated},
		"UTF8":              {`{"name":"e","slug":"e"}`, []string{"Content-Type", "application/json;charset=utf8"}, http.StatusCreated},
		"two charsets":      {`{"name":"f","slug":"f"}`, []string{"Content-Type", "application/json; charset=latin1; charset=utf-8"}, http.StatusUnsupportedMediaType},
		"two types":         {`{"name":"f","slug":"f"}`, []string{"Content-Type", "application/json", "Content-Type", "text/plain"}, http.StatusUnsupportedMediaType},
		"two encodings":     {`{"name":"f","slug":"f"}`, []string{"Content-Encoding", "identity", "Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"a form":            {"name=a", []string{"Content-Type", "application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/tenants", strings.NewReader(tt.body))
		r.Header.Set("Authorization", "Bearer "+b.admin)
		for i := 0; i+1 < len(tt.header); i += 2 {
			r.Header.Add(tt.header[i], tt.header[i+1])
		}
		recorder := httptest.NewRecorder()
		b.Handler().ServeHTTP(recorder, r)
		require.Equal(t, tt.want, recorder.Code, "%s: %s", name, recorder.Body)
	}
}

// TestHeadAndTruncatedBodies requires real connections.
func TestHeadAndTruncatedBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	listening := httptest.NewServer(b.Handler())
	t.Cleanup(listening.Close)
	path, etag := b.create(t, b.createTenant(t, "a")+"/agents", map[string]any{"name": "Mara"})

	for _, path := range []string{"/healthz", "/readyz", "/v1/me", path, "/docs", "/openapi.json"} {
		got, want := fetch(t, listening.URL, http.MethodHead, path, b.admin), fetch(t, listening.URL, http.MethodGet, path, b.admin)
		require.Equal(t, want.status, got.status, path)
		require.Empty(t, got.body, path)
		require.Equal(t, want.header.Get("Content-Type"), got.header.Get("Content-Type"), path)
	}
	require.Equal(t, etag, fetch(t, listening.URL, http.MethodHead, path, b.admin).header.Get("ETag"))
	require.Equal(t, http.StatusMethodNotAllowed, fetch(t, listening.URL, http.MethodHead, "/v1/auth/login", "").status)

	head := "POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b.admin + "\r\nContent-Type: application/json\r\n"
	require.Equal(t, http.StatusRequestEntityTooLarge, exchange(t, listening, head+"Content-Length: 1048577\r\n\r\n", false),
		"before the body")
	logged := len(b.logs.String())
	require.Equal(t, http.StatusBadRequest, exchange(t, listening, head+"Content-Length: 100\r\n\r\n{\"name\":", true))
	require.Equal(t, http.StatusBadRequest, exchange(t, listening, head+"Transfer-Encoding: chunked\r\n\r\nzzz\r\n", true))
	require.NotContains(t, b.logs.String()[logged:], `"level":"ERROR"`, "a disconnect is not a server error")
}

func fetch(t *testing.T, base, method, path, token string) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	got, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = got.Body.Close() }()
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return response{status: got.StatusCode, header: got.Header, body: string(body)}
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

func TestProblemFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, got := range []response{
		b.get(t, "", "/v1/me"), b.get(t, "", "/nothing"), b.get(t, b.user, "/v1/tenants"), b.do(t, http.MethodPut, b.admin, "/v1/tenants", nil),
		b.post(t, b.admin, "/v1/tenants", `{`), b.post(t, b.admin, "/v1/tenants", `{}`), b.post(t, "", "/v1/channels/slack/events", `{}`),
		b.post(t, "", "/v1/auth/login", loginBody(userEmail, "wrong")),
	} {
		require.Equal(t, got.header.Get("X-Request-ID"), got.at(t, "request_id"))
		require.Equal(t, got.status == http.StatusUnauthorized, got.header.Get("WWW-Authenticate") != "", "RFC 9110, section 15.5.2: %s", got.body)
	}
	long := b.post(t, b.admin, "/v1/tenants", map[string]any{"name": "x", "slug": strings.Repeat("x", 64)})
	require.Equal(t, map[string]any{"field": "body.slug", "code": "too_long", "message": "expected length <= 63", "limit": 63.0},
		long.json(t)["errors"].([]any)[0])
}

// TestInvalidIDsAreNotFound: unknown, malformed and non-canonical ids are the same 404.
func TestInvalidIDsAreNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "a")
	id := strings.TrimPrefix(tenant, "/v1/tenants/")
	missing := b.get(t, b.admin, tenant+"/agents/018f6d0e-0000-7000-8000-0000000000aa")
	require.Equal(t, http.StatusNotFound, missing.status)
	for _, path := range []string{
		tenant + "/agents/018f6d0e-0000-7000-8000-0000000000aa", tenant + "/channel-connections/018f6d0e-0000-7000-8000-0000000000aa",
		"/v1/tenants/018f6d0e-0000-7000-8000-0000000000aa", tenant + "/agents/x", tenant + "/agents/" + strings.ToUpper(id), tenant + "/agents/00000000-0000-0000-0000-000000000000",
		tenant + "/channel-connections/{" + id + "}", "/v1/tenants/" + strings.ToUpper(id) + "/agents", "/v1/tenants/x/agents",
		"/v1/tenants/urn:uuid:" + id, "/v1/tenants/x", "/v1/tenants/" + strings.ReplaceAll(id, "-", ""),
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPatch} {
			if method != http.MethodGet && strings.HasSuffix(path, "/agents") {
				continue
			}
			var body any
			if method == http.MethodPatch { // without If-Match, an existing resource is 428
				body = map[string]any{}
			}
			got := b.do(t, method, b.admin, path, body)
			require.Equal(t, http.StatusNotFound, got.status, "%s %s: %s", method, path, got.body)
			require.Equal(t, missing.stableBody(), got.stableBody(), path)
		}
	}
}

// TestDocumentExamples sends the request examples of the document.
func TestDocumentExamples(t *testing.T) {
	t.Parallel()
	b := setup(t)
	examples := map[string]string{}
	operations(t, func(_, _ string, op *openapi3.Operation) {
		if op.RequestBody == nil || op.OperationID == "receive-slack-event" {
			return
		}
		example := op.RequestBody.Value.Content["application/json"].Example
		require.NotNil(t, example, op.OperationID)
		text, err := json.Marshal(example)
		require.NoError(t, err)
		examples[op.OperationID] = string(text)
	})
	require.Equal(t, http.StatusUnauthorized, b.post(t, "", "/v1/auth/login", examples["login"]).status, "valid body, unknown user")
	tenant := b.post(t, b.admin, "/v1/tenants", examples["create-tenant"])
	require.Equal(t, http.StatusCreated, tenant.status, tenant.body)
	path := tenant.header.Get("Location")
	for _, kind := range []struct{ list, name string }{{"/agents", "agent"}, {"/channel-connections", "channel-connection"}} {
		made := b.post(t, b.admin, path+kind.list, examples["create-"+kind.name])
		require.Equal(t, http.StatusCreated, made.status, made.body)
		changed := b.do(t, http.MethodPatch, b.admin, made.header.Get("Location"), examples["update-"+kind.name], "If-Match", made.header.Get("ETag"))
		require.Equal(t, http.StatusOK, changed.status, changed.body)
	}
	changed := b.do(t, http.MethodPatch, b.admin, path, examples["update-tenant"], "If-Match", tenant.header.Get("ETag"))
	require.Equal(t, http.StatusOK, changed.status, changed.body)
}
