package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/konstruct/konstruct/telemetry"
)

// collector receives spans by OTLP over HTTP.
type collector struct {
	url string

	mu       sync.Mutex
	received []*tracepb.ResourceSpans
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		raw, _ := io.ReadAll(body)
		var export collectorpb.ExportTraceServiceRequest
		if err := proto.Unmarshal(raw, &export); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.received = append(c.received, export.GetResourceSpans()...)
	}))
	t.Cleanup(s.Close)
	c.url = s.URL + "/v1/traces"
	return c
}

// spans returns all spans by name, and everything that was received as text.
func (c *collector) spans(t *testing.T) (spans map[string][]*tracepb.Span, text string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	spans = map[string][]*tracepb.Span{}
	var all strings.Builder
	for _, r := range c.received {
		all.WriteString(r.String())
		require.Equal(t, "konstruct", attributes(r.GetResource().GetAttributes())["service.name"])
		require.Equal(t, "v1.2.3", attributes(r.GetResource().GetAttributes())["service.version"])
		for _, s := range r.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				spans[span.GetName()] = append(spans[span.GetName()], span)
			}
		}
	}
	return spans, all.String()
}

func attributes(list []*commonpb.KeyValue) map[string]any {
	values := map[string]any{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			values[a.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			values[a.GetKey()] = v.IntValue
		}
	}
	return values
}

func TestATraceLeadsFromTheRequestToItsStatements(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	b := setup(t, telemetry.Options{TracesURL: c.url})
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, sampled := range []string{"00", "01"} { // which is not the caller's to decide
		require.Equal(t, http.StatusOK, b.do(t, http.MethodGet, b.agents()+"?limit=7", "", nil,
			"Traceparent", "00-"+theirs+"-00f067aa0ba902b7-"+sampled, "Tracestate", "vendor=text-of-the-client", "X-Secret", "secret-header"))
	}
	require.Equal(t, http.StatusCreated, b.do(t, http.MethodPost, b.agents(), `{"name":"Secret Name"}`, nil))
	require.NoError(t, b.Shutdown(context.WithoutCancel(t.Context())))

	spans, text := c.spans(t)
	requests := spans["GET /v1/tenants/:tenant_id/agents"]
	require.Len(t, requests, 2)
	for _, request := range requests {
		require.Empty(t, request.GetParentSpanId(), "the caller is no parent")
		require.NotEqual(t, theirs, hex.EncodeToString(request.GetTraceId()))
		require.Len(t, request.GetLinks(), 1)
		require.Equal(t, theirs, hex.EncodeToString(request.GetLinks()[0].GetTraceId()))
		require.Subset(t, attributes(request.GetAttributes()), map[string]any{
			"http.request.method": "GET", "http.route": "/v1/tenants/:tenant_id/agents", "http.response.status_code": int64(200),
			"konstruct.tenant.id": b.tenant,
		})
		list := child(t, spans["SELECT agents"], request)
		require.Equal(t, map[string]any{
			"db.system.name": "postgresql", "db.operation.name": "SELECT", "db.collection.name": "agents", "konstruct.tenant.id": b.tenant,
		}, attributes(list.GetAttributes()))
		require.NotContains(t, attributes(child(t, spans["SELECT portal_sessions"], request).GetAttributes()), "konstruct.tenant.id",
			"sessions are looked up without a tenant")

		line := lineWith(t, b.log, hex.EncodeToString(request.GetTraceId()))
		require.Contains(t, line, `"span_id":"`+hex.EncodeToString(request.GetSpanId())+`"`)
	}
	child(t, spans["INSERT agents"], spans["POST /v1/tenants/:tenant_id/agents"][0])
	for _, secret := range []string{password, email, b.token, "Secret Name", "secret-header", "text-of-the-client", "limit=7", "acme"} {
		require.NotContains(t, text, secret)
	}
}

// child returns the span whose parent is the request.
func child(t *testing.T, spans []*tracepb.Span, parent *tracepb.Span) *tracepb.Span {
	t.Helper()
	for _, span := range spans {
		if bytes.Equal(span.GetParentSpanId(), parent.GetSpanId()) {
			require.Equal(t, parent.GetTraceId(), span.GetTraceId())
			return span
		}
	}
	require.Fail(t, "no such child", "%s of %s", spans, parent)
	return nil
}

// lineWith returns the request's line in the log.
func lineWith(t *testing.T, log *lockedBuffer, traceID string) string {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"msg":"request"`) && strings.Contains(line, `"trace_id":"`+traceID+`"`) {
			return line
		}
	}
	require.Fail(t, "no line of the trace "+traceID, log.String())
	return ""
}
