package server_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// TestStoppingFinishesWhatRuns: a login is being hashed when the server is told to stop.
func TestStoppingFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hold := make(chan struct{})
	w.hasher.hold.Store(&hold)
	before := w.hasher.compared.Load()

	ctx, stop := context.WithCancel(t.Context())
	address, stopped := serve(t, ctx, w)
	status := make(chan int, 1)
	go func() {
		response, err := http.Post("http://"+address+"/v1/auth/login", "application/json", //nolint:noctx // the stop is what's tested
			bytes.NewReader([]byte(`{"email": "`+userEmail+`", "password": "`+password+`"}`)))
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	require.Eventually(t, func() bool { return w.hasher.compared.Load() == before+1 }, 10*time.Second, time.Millisecond)
	stop()
	require.Eventually(t, func() bool {
		_, err := net.DialTimeout("tcp", address, time.Second)
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "no new connection is taken")
	require.Equal(t, http.StatusServiceUnavailable, w.get(t, "", "/readyz").status)
	select {
	case err := <-stopped:
		require.Fail(t, "stopped before the request was done", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	w.hasher.hold.Store(nil)
	close(hold)
	require.Equal(t, http.StatusOK, <-status)
	require.NoError(t, <-stopped)
}

func TestStoppingWaitsOnlySoLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *server.Options) { o.ShutdownTimeout = 50 * time.Millisecond })
	hold := make(chan struct{})
	w.hasher.hold.Store(&hold)
	defer close(hold)
	before := w.hasher.compared.Load()
	ctx, stop := context.WithCancel(t.Context())
	address, stopped := serve(t, ctx, w)
	go func() {
		response, err := http.Post("http://"+address+"/v1/auth/login", "application/json", //nolint:noctx // the stop is what's tested
			bytes.NewReader([]byte(`{"email": "`+userEmail+`", "password": "`+password+`"}`)))
		if err == nil {
			_ = response.Body.Close()
		}
	}()
	require.Eventually(t, func() bool { return w.hasher.compared.Load() == before+1 }, 10*time.Second, time.Millisecond)
	stop()
	require.ErrorIs(t, <-stopped, context.DeadlineExceeded)
}

func TestServingRefusesWithoutIsolation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.finding.Store(leak())
	_, err := w.monitor.Check(t.Context())
	require.NoError(t, err)
	_, stopped := serve(t, t.Context(), w)
	require.ErrorIs(t, <-stopped, doctor.ErrUnsafe)
}

//nolint:revive // a test's context comes second
func serve(t *testing.T, ctx context.Context, w *world) (address string, stopped <-chan error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, listener) }()
	return listener.Addr().String(), done
}
