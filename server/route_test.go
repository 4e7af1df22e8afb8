package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestRouteRequiresAccessRule(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	do := func(context.Context, *struct{}) (*struct{}, error) { return &struct{}{}, nil }
	for name, tt := range map[string]struct {
		rule    access
		path    string
		refused bool
	}{
		"public":                     {public, "/x", false},
		"no rule":                    {"", "/x", true},
		"unknown rule":               {"friends", "/x", true},
		"rule of a role, other path": {viewer, "/x", true},
		"rule of a role":             {viewer, "/v1/tenants/{tenant_id}/x", false},
		"public tenant path":         {public, "/v1/tenants/{tenant_id}/x", true},
		"authenticated tenant path":  {authenticated, "/v1/tenants/{tenant_id}/x", true},
	} {
		s := &Server{}
		api := humagin.New(gin.New(), s.humaConfig())
		err := s.mount(api, []route{handle(tt.rule, http.MethodGet, tt.path, "x", "X", do)})
		if tt.refused {
			require.ErrorIs(t, err, errRoute, name)
			continue
		}
		require.NoError(t, err, name)
	}
}

func TestIdempotencyKeyRequiresTransaction(t *testing.T) {
	t.Parallel()
	do := func(context.Context, *struct{}) (*struct{}, error) { return &struct{}{}, nil }
	keyed := handle(authenticated, http.MethodPost, "/x", "x", "X", do).withKey()
	require.NoError(t, keyed.check())
	require.ErrorIs(t, keyed.withoutTransaction().check(), errRoute)
}

func TestPanicDetailsAreHidden(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	var log bytes.Buffer
	logger := slog.New(requestHandler{slog.NewJSONHandler(&log, nil)})
	failures := newRepeats(logger, time.Hour)
	s := &Server{log: logger, failures: failures, clock: time.Now, readiness: newReadiness(failures, time.Now, nil)}
	engine := gin.New()
	engine.Use(s.observe)
	engine.GET("/early", func(*gin.Context) { panic("canary") })
	engine.GET("/runtime", func(*gin.Context) { _ = []int{}[len(engine.Handlers)] })
	engine.GET("/late", func(c *gin.Context) {
		_, _ = c.Writer.WriteString("half")
		panic("canary")
	})
	for _, path := range []string{"/early", "/runtime"} {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Contains(t, w.Body.String(), `"code":"internal_error"`)
		require.NotContains(t, w.Body.String(), "canary")
	}
	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() {
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/late", nil))
	}, "a truncated response must not look complete")
	require.NotContains(t, log.String(), "canary")
	require.Contains(t, log.String(), "index out of range")
	require.Contains(t, log.String(), `"panic":"string"`)
	require.Contains(t, log.String(), "route_test.go")
}

func TestEntityTags(t *testing.T) {
	t.Parallel()
	version := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	tag := etag(version)
	back, ok := parseETag(tag)
	require.True(t, ok)
	require.True(t, version.Equal(back))
	for _, proxied := range []string{"W/" + tag, tag[:len(tag)-1] + `-gzip"`, "W/" + tag[:len(tag)-1] + `;gzip"`} {
		back, ok := parseETag(proxied)
		require.True(t, ok, proxied)
		require.True(t, version.Equal(back), proxied)
	}
	for _, bad := range []string{"", `"`, `""`, "w/" + tag, "W/", tag[1:], `"0` + tag[1:], `"+` + tag[1:], `"-1"`, `"zzzzzzzzzzzzz"`, `"ABC"`} {
		_, ok := parseETag(bad)
		require.False(t, ok, bad)
	}
}

// TestGinContextFallbackIsOff: with the fallback, a *gin.Context would be a context of its current request, and of a
// later one after gin reuses it.
func TestGinContextFallbackIsOff(t *testing.T) {
	t.Parallel()
	s := &Server{log: slog.New(slog.DiscardHandler)}
	handler, err := s.router(false)
	require.NoError(t, err)
	engine, ok := handler.(*gin.Engine)
	require.True(t, ok, "%T", handler)
	require.False(t, engine.ContextWithFallback) //nolint:forbidigo // that it is off is the test
}
