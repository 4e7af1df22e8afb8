package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slow sends a body in two parts, and calls between while the server waits for the second one.
func (c client) slow(t *testing.T, method, path, body string, between func()) int {
	t.Helper()
	reader, writer := io.Pipe()
	r := httptest.NewRequestWithContext(t.Context(), method, path, reader)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+c.token)
	recorder, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		c.bundle.Handler().ServeHTTP(recorder, r)
		_ = reader.Close()
	}()
	_, err := io.WriteString(writer, body[:1]) // returns when it is read, after the access check
	require.NoError(t, err)
	between()
	_, err = io.WriteString(writer, body[1:])
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	<-done
	return recorder.Code
}

// TestSlowBodies: access that ended while the body was sent does not change anything.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	agents, body := tenant+"/agents", `{"name": "Mara"}`
	ways := map[string]func(p person){
		"demoted":    func(p person) { b.admin.patch(t, p.path, "*", object{"role": "viewer"}).is(200) },
		"removed":    func(p person) { b.admin.delete(t, p.path).is(204) },
		"logged out": func(p person) { p.post(t, "/v1/auth/logout", nil).is(204) },
		"suspended":  func(person) { b.admin.patch(t, tenant, "*", object{"status": "suspended"}).is(200) },
	}
	for name, status := range map[string]int{"demoted": 403, "removed": 404, "logged out": 401, "suspended": 403} {
		p := b.hire(t, tenant, "editor")
		require.Equal(t, http.StatusCreated, p.slow(t, "POST", agents, body, func() { b.advance(5 * time.Second) }), name)
		require.Equal(t, status, p.slow(t, "POST", agents, body, func() {
			ways[name](p)
			b.advance(5 * time.Second)
		}), name)
		b.admin.patch(t, tenant, "*", object{"status": "active"}).is(200)
	}
	require.Equal(t, len(ways), b.count(t, "agents"))
}
