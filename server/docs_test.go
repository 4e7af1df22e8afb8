package server_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocs(t *testing.T) {
	t.Parallel()
	b := setup(t)

	page := b.get(t, "", "/docs")
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Contains(t, page.header.Get("Content-Security-Policy"), "script-src 'sha256-")
	require.Equal(t, []string{page.header.Get("Content-Security-Policy")}, page.header.Values("Content-Security-Policy"))
	require.Equal(t, "DENY", page.header.Get("X-Frame-Options"))

	document := b.get(t, "", "/openapi.json")
	require.Equal(t, http.StatusOK, document.status)
	golden, err := os.ReadFile(goldenDocument)
	require.NoError(t, err)
	require.JSONEq(t, string(golden), document.body, "equal to the committed document")
}
