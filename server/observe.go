package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/konstruct/konstruct/server/problem"
)

// observe is around every request, those of unknown routes as well: an id, a deadline, limits, headers, and one line
// in the log.
func (s *Server) observe(c *gin.Context) {
	started := s.clock()
	r := &request{id: requestID(c.Request.Header), route: c.FullPath()}
	ctx, cancel := context.WithTimeout(withRequest(c.Request.Context(), r), requestTimeout)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, bodyLimitOf(r.route))
	setHeaders(c.Writer.Header(), r.id)

	defer func() {
		// gin calls it -1 when nothing was written.
		s.log.LogAttrs(ctx, levelOf(c.Writer.Status()), "request",
			slog.String("method", methodOf(c.Request.Method)), slog.String("route", r.route),
			slog.Int("status", c.Writer.Status()), slog.Int("bytes", max(0, c.Writer.Size())),
			slog.Duration("duration", s.clock().Sub(started)), slog.String("client", c.ClientIP()))
	}()
	defer s.rescue(ctx, c.Writer)
	c.Next()
}

// setHeaders: an API's answers are for nobody's cache, frame or guess.
func setHeaders(h http.Header, requestID string) {
	h.Set(requestIDHeader, requestID)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// methodOf keeps made-up methods, which can be any word, out of the log.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

func levelOf(status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// rescue answers a panic with a 500 that tells nothing. Where an answer has begun, the connection is cut: half of one
// must not look like a whole.
func (s *Server) rescue(ctx context.Context, w gin.ResponseWriter) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	s.log.ErrorContext(ctx, "panic", "cause", panicCause(cause), "stack", string(debug.Stack()))
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
