package server

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins a request's span, the root of a trace. The caller's traceparent becomes a link: as a parent it would let
// clients choose which requests are sampled, and in whose trace.
func (s *Server) startSpan(ctx context.Context, header http.Header, kind requestKind) context.Context {
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(kind.known()...),
	}
	caller := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header)))
	if caller.IsValid() {
		// The tracestate is text of the client's.
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller.WithTraceState(trace.TraceState{})}))
	}
	//nolint:spancheck // endSpan ends it
	ctx, _ = s.tracer.Start(ctx, strings.TrimSpace(kind.method+" "+kind.route), options...)
	return ctx
}

// endSpan ends a request's span with its outcome.
func endSpan(span trace.Span, r *request, kind requestKind) {
	span.SetAttributes(semconv.HTTPResponseStatusCode(kind.status), attribute.String("konstruct.request.id", r.id))
	if !r.tenant.IsZero() {
		span.SetAttributes(attribute.String("konstruct.tenant.id", r.tenant.String()))
	}
	if kind.status >= http.StatusInternalServerError {
		span.SetAttributes(semconv.ErrorTypeKey.String(kind.errorType()))
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
