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

// observe gives every request, including those of unknown routes, an id, a deadline, limits, headers and a log line.
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
		c.Writer.Header().Set("Connection", "close") // the client must reconnect, to another server
	}

	defer func() { s.logRequest(ctx, c, started, incoming.Err() != nil) }()
	defer s.recoverPanic(ctx, c.Writer)
	c.Next()
	if r.mails && s.mailer != nil {
		s.mailer.Wake()
	}
}

// normalizeHeaders joins repeated header lines (RFC 9110, section 5.3), because huma reads only the first. An empty
// If-Match becomes a list that matches nothing, because huma would treat it as missing. Media types become lower case,
// as huma expects.
func normalizeHeaders(h http.Header) {
	for _, name := range []string{
		"Authorization", "Content-Encoding", "Content-Type", keyHeader, "If-Match", "If-None-Match",
	} {
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

// logRequest logs the request. Repeated server failures are summarized.
func (s *Server) logRequest(ctx context.Context, c *gin.Context, started time.Time, clientGone bool) {
	r, status := requestOf(ctx), c.Writer.Status()
	line := failureLine{
		level: levelOf(status), msg: "request",
		attrs: []slog.Attr{
			slog.String("method", methodOf(c.Request.Method)), slog.String("route", r.route),
			slog.Int("status", status),
		},
		each: []slog.Attr{
			slog.Int("bytes", max(0, c.Writer.Size())), // -1 without a body
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

// fixedHeaders are the headers of every response. Their values are shared.
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

// methodOf keeps unknown methods out of the log, because they are arbitrary text.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions:
		return method
	}
	return otherMethod
}

// levelOf returns the log level of a status: error for a bug, warning for a temporary failure.
func levelOf(status int) slog.Level {
	switch {
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// recoverPanic turns a panic into a 500 without details. After the response has begun it closes the connection, because
// a truncated response must not look complete.
func (s *Server) recoverPanic(ctx context.Context, w gin.ResponseWriter) {
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
	problem.New(problem.CodeInternal).Write(w)
}

// panicCause returns the text of a runtime error and the type of any other value, whose text could contain secrets.
func panicCause(cause any) string {
	if err, ok := cause.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}

func notFound(c *gin.Context) { problem.NotFound().Write(c.Writer) }

// notAllowed does not set Allow, because gin does.
func notAllowed(c *gin.Context) { problem.New(problem.CodeMethodNotAllowed).Write(c.Writer) }
