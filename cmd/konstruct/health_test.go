package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run returns the standard output of a command.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestHealth(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		err    string
	}{
		{"ready", http.StatusOK, ""},
		{"not ready", http.StatusServiceUnavailable, "/readyz returned 503 Service Unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "/readyz", r.URL.Path)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(`{"status":"` + test.name + `"}`))
			}))
			t.Cleanup(server.Close)
			t.Setenv("KONSTRUCT_LISTEN_ADDR", strings.TrimPrefix(server.URL, "http://"))
			out, err := run(t, "health")
			require.JSONEq(t, `{"status":"`+test.name+`"}`, out)
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.err)
			}
		})
	}

	t.Run("IPv6 zone", func(t *testing.T) {
		t.Setenv("KONSTRUCT_LISTEN_ADDR", "[::1%lo]:1")
		_, err := run(t, "health")
		require.ErrorContains(t, err, "dial tcp [::1%lo]:1")
	})

	t.Run("no server", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		t.Setenv("KONSTRUCT_LISTEN_ADDR", strings.TrimPrefix(server.URL, "http://"))
		server.Close()
		_, err := run(t, "health")
		require.ErrorContains(t, err, "connection refused")
	})
}

func TestLocalAddr(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		":8080":          "127.0.0.1:8080",
		"0.0.0.0:8080":   "127.0.0.1:8080",
		"[::]:8080":      "[::1]:8080",
		"10.0.0.7:80":    "10.0.0.7:80",
		"localhost:8080": "localhost:8080",
	} {
		require.Equal(t, want, localAddr(listen), listen)
	}
}
