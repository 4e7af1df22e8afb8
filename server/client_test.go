package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type object = map[string]any

// client sends requests with a session token, if any. Headers are names and values in turn.
type client struct {
	bundle *testBundle
	token  string
}

func (c client) get(t *testing.T, path string, header ...string) response {
	t.Helper()
	return c.do(t, http.MethodGet, path, nil, header...)
}

func (c client) post(t *testing.T, path string, body any, header ...string) response {
	t.Helper()
	return c.do(t, http.MethodPost, path, body, header...)
}

// patch sends etag as If-Match unless it is empty.
func (c client) patch(t *testing.T, path, etag string, body any) response {
	t.Helper()
	var header []string
	if etag != "" {
		header = []string{"If-Match", etag}
	}
	return c.do(t, http.MethodPatch, path, body, header...)
}

func (c client) delete(t *testing.T, path string, header ...string) response {
	t.Helper()
	return c.do(t, http.MethodDelete, path, nil, header...)
}

// do sends a body of JSON: a text as it is, or any other value encoded.
func (c client) do(t *testing.T, method, path string, body any, header ...string) response {
	t.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		text = string(encoded)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(text))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if given, ok := r.Header["Content-Type"]; ok && given[0] == "" {
		r.Header.Del("Content-Type")
	} else if !ok && body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	recorder := httptest.NewRecorder()
	c.bundle.Handler().ServeHTTP(recorder, r)
	return response{
		t: t, request: method + " " + path + " " + text,
		status: recorder.Code, header: recorder.Header(), body: recorder.Body.String(),
	}
}

type response struct {
	t       testing.TB
	request string
	status  int
	header  http.Header
	body    string
}

func (r response) String() string { return fmt.Sprintf("%.500q: %d %s", r.request, r.status, r.body) }

// codes are the usual codes of the statuses.
var codes = map[int]string{
	400: "malformed_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 409: "already_taken",
	412: "precondition_failed", 413: "request_too_large", 415: "unsupported_media_type", 422: "validation_failed",
	428: "precondition_required", 429: "too_many_attempts", 500: "internal_error", 503: "unavailable",
}

// is checks the status and, of a failure, the problem. Its code is the usual one of the status unless it is given.
func (r response) is(status int, code ...string) response {
	r.t.Helper()
	require.Equal(r.t, status, r.status, r)
	if status < 400 {
		return r
	}
	code = append(code, codes[status])
	problem := r.json()
	require.Equal(r.t, code[0], problem["code"], r)
	require.EqualValues(r.t, status, problem["status"])
	require.Equal(r.t, "about:blank", problem["type"])
	require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"))
	require.Equal(r.t, r.header.Get("X-Request-ID"), problem["request_id"])
	require.Equal(r.t, status == 401, r.header.Get("WWW-Authenticate") != "", "RFC 9110, section 15.5.2")
	require.Equal(r.t, status == 429 || status == 503, r.header.Get("Retry-After") != "")
	return r
}

func (r response) invalid(fields ...string) response {
	r.t.Helper()
	require.ElementsMatch(r.t, fields, r.is(422).fields(), r)
	return r
}

// sameAs checks that the response differs from another one only in the request id.
func (r response) sameAs(other response) {
	r.t.Helper()
	require.Equal(r.t, other.status, r.status, r)
	require.Equal(r.t, requestIDs.ReplaceAllString(other.body, ""), requestIDs.ReplaceAllString(r.body, ""), r)
}

var requestIDs = regexp.MustCompile(`,"request_id":"[^"]+"`)

func (r response) json() (v object) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &v), r)
	return v
}

// at returns the value at a path of names and indexes in the body.
func (r response) at(path ...any) any {
	r.t.Helper()
	var v any = r.json()
	for _, step := range path {
		if i, ok := step.(int); ok {
			v = v.([]any)[i]
		} else {
			v = v.(object)[step.(string)]
		}
	}
	return v
}

func (r response) fields() (fields []string) {
	r.t.Helper()
	errors, _ := r.at("errors").([]any)
	for i := range errors {
		fields = append(fields, r.at("errors", i, "field").(string))
	}
	return fields
}

func (r response) items() (items []object) {
	r.t.Helper()
	for _, item := range r.is(200).at("items").([]any) {
		items = append(items, item.(object))
	}
	return items
}

func (r response) etag() string { return r.header.Get("ETag") }

// pages gets all pages of a list, whose path has a query. It returns them and the names of all items.
func (c client) pages(t *testing.T, path string) (pages []response, names []any) {
	t.Helper()
	cursor, more := "", true
	for more {
		page := c.get(t, path+"&cursor="+cursor)
		for _, item := range page.items() {
			names = append(names, item["name"])
		}
		pages = append(pages, page)
		cursor, more = page.at("next_cursor").(string)
	}
	return pages, names
}
