package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/konstruct/konstruct/server/problem"
)

// observe wraps every request, those of unknown routes as well, with an id, a deadline, limits, headers, and one line in
// the log.
func (s *Server) observe(c *gin.Context) {
	started, incoming := s.clock(), c.Request.Context()
	r := &request{id: requestID(c.Request.Header), route: c.FullPath(), client: c.ClientIP()}
	ctx, cancel := context.WithTimeout(withRequest(incoming, r), requestTimeout)
	defer cancel()
	if s.tracer != nil {
		ctx = s.startSpan(ctx, c.Request.Header, requestKind{method: methodOf(c.Request.Method), route: r.route})
	}
	if s.metrics != nil {
		s.metrics.active.Add(1)
	}
	defer s.measured(ctx, c, started)
	c.Request = c.Request.WithContext(ctx)
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, bodyLimitOf(r.route))
	maps.Copy(c.Writer.Header(), s.headers)
	c.Writer.Header().Set(problem.RequestIDHeader, r.id)
	normalizeHeaders(c.Request.Header)
	if s.readiness.draining.Load() {
		c.Writer.Header().Set("Connection", "close") // the client's next request is for another server
	}

	defer func() { s.logRequest(ctx, c, started, incoming.Err() != nil) }()
	defer s.rescue(ctx, c.Writer)
	c.Next()
}

// normalizeHeaders makes one line of a header that was sent in several (RFC 9110, section 5.3), because huma reads only
// the first. An empty If-Match becomes an empty list, which no version matches: huma takes an empty header for a missing
// one, and a deletion would be unconditional. Huma compares media types in lower case only.
func normalizeHeaders(h http.Header) {
	for _, name := range []string{"Authorization", "Content-Encoding", "Content-Type", "If-Match", "If-None-Match"} {
		if lines := h[name]; len(lines) > 1 {
			h.Set(name, strings.Join(lines, ", "))
		}
	}
	if lines := h["If-Match"]; len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		h.Set("If-Match", ",")
	}
	if lines := h["Content-Type"]; len(lines) > 0 && lines[0] != "" {
		h.Set("Content-Type", strings.ToLower(lines[0]))
	}
}

// logRequest writes the request's line. Failures of the server are summarized when they repeat.
func (s *Server) logRequest(ctx context.Context, c *gin.Context, started time.Time, clientGone bool) {
	r, status := requestOf(ctx), c.Writer.Status()
	line := failureLine{
		level: levelOf(status), msg: "request",
		attrs: []slog.Attr{
			slog.String("method", methodOf(c.Request.Method)), slog.String("route", r.route), slog.Int("status", status),
		},
		each: []slog.Attr{
			slog.Int("bytes", max(0, c.Writer.Size())), // gin calls it -1 when nothing was written
			slog.Duration("duration", s.clock().Sub(started).Round(time.Microsecond)), slog.String("client", r.client),
		},
	}
	if clientGone {
		line.level = slog.LevelInfo
		line.each = append(line.each, slog.Bool("client_gone", true))
	}
	if r.code != "" {
		line.attrs = append(line.attrs, slog.String("code", string(r.code)))
	}
	if r.cause != nil {
		line.attrs = append(line.attrs, causeAttr(r.cause))
	}
	if len(r.panicked) > 0 {
		line.level = slog.LevelError
		line.attrs = append(line.attrs, r.panicked...)
	}
	if line.level < slog.LevelWarn {
		s.log.LogAttrs(ctx, line.level, line.msg, append(line.attrs, line.each...)...) //nolint:sloglint // it is a constant
		return
	}
	line.kind = fmt.Sprint(line.attrs[:3], r.code, causeKind(r.cause), len(r.panicked))
	s.failures.add(ctx, line)
}

// fixedHeaders are on every answer: an API's answers must not be cached, framed or sniffed. The answers share their values.
func fixedHeaders() http.Header {
	return http.Header{
		"Cache-Control":                {"no-store"},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
	}
}

const otherMethod = "other"

// methodOf keeps made-up methods, which can be any word, out of the log.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return otherMethod
}

// levelOf is error for a fault of ours, and warning for one that is expected to pass.
func levelOf(status int) slog.Level {
	switch {
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// rescue answers a panic with a 500 that says nothing about it. Where an answer has begun, the connection is cut: half of
// one must not look like a whole.
func (s *Server) rescue(ctx context.Context, w gin.ResponseWriter) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	r := requestOf(ctx)
	r.code = problem.CodeInternal
	r.panicked = []slog.Attr{slog.String("panic", panicCause(cause)), slog.String("stack", string(debug.Stack()))}
	if w.Written() {
		panic(http.ErrAbortHandler)
	}
	problem.General(http.StatusInternalServerError).Write(w)
}

// panicCause tells what Go itself panics with. What our code, or a library, panics with could hold anything.
func panicCause(cause any) string {
	if err, ok := cause.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}

// notFound and notAllowed answer what no route does.
func notFound(c *gin.Context) { problem.NotFound().Write(c.Writer) }

// gin has set Allow.
func notAllowed(c *gin.Context) { problem.General(http.StatusMethodNotAllowed).Write(c.Writer) }

const retrySoon = time.Second
