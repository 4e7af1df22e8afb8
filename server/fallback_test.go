package server

import (
	"log/slog"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

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
