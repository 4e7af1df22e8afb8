package server_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func loginOver(address string) <-chan int {
	status := make(chan int, 1)
	go func() {
		response, err := http.Post("http://"+address+"/v1/auth/login", "application/json",
			strings.NewReader(`{"email": "`+userEmail+`", "password": "`+password+`"}`))
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	return status
}

// TestShutdownFinishesRequests shuts down while a login is hashed.
func TestShutdownFinishesRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := b.hasher.hold()
	address, stop, stopped := b.serve(t)
	status := loginOver(address)
	b.hasher.waitForHash(t)
	stop()
	require.Eventually(t, func() bool {
		_, err := net.DialTimeout("tcp", address, time.Second)
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "the listener is closed")
	require.Equal(t, 503, b.anyone.get(t, "/readyz").status)
	select {
	case err := <-stopped:
		require.Fail(t, "stopped before the request ended", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	require.Equal(t, 200, <-status)
	require.NoError(t, <-stopped)
}

func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) { o.ShutdownTimeout = 50 * time.Millisecond })
	defer b.hasher.hold()()
	address, stop, stopped := b.serve(t)
	loginOver(address)
	b.hasher.waitForHash(t)
	stop()
	require.ErrorIs(t, <-stopped, context.DeadlineExceeded)
}

func TestServeRequiresIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.checkIsolation(t, errorFinding())
	_, _, stopped := b.serve(t)
	require.ErrorIs(t, <-stopped, doctor.ErrUnsafe)
}

// TestServeMonitorsIsolation: a finding blocks tenants until it is fixed.
func TestServeMonitorsIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	live := &b.isolation
	b.restart(t, func(o *server.Options) { o.Isolation = live.monitor(20 * time.Millisecond) })
	tenant := b.createTenant(t, "acme")
	_, stop, stopped := b.serve(t)
	status := func() int { return b.admin.get(t, tenant+"/agents").status }
	eventually := func(want int, why string) {
		t.Helper()
		require.Eventually(t, func() bool { return status() == want }, 10*time.Second, 5*time.Millisecond, why)
	}
	checkedTwice := func() {
		t.Helper()
		before := live.checks.Load()
		require.Eventually(t, func() bool { return live.checks.Load() > before+2 }, 10*time.Second, time.Millisecond)
	}
	checkedTwice()
	require.Equal(t, 200, status())

	failure := errors.New("no connection")
	live.failure.Store(&failure)
	checkedTwice()
	require.Equal(t, 200, status(), "a failed check is not a finding")
	b.anyone.get(t, "/readyz").is(200)

	live.failure.Store(nil)
	live.finding.Store(errorFinding())
	eventually(503, "a finding blocks tenants")
	live.finding.Store(nil)
	eventually(200, "until it is fixed")

	stop()
	require.NoError(t, <-stopped)
	before := live.checks.Load()
	time.Sleep(100 * time.Millisecond)
	require.Equal(t, before, live.checks.Load(), "no checks after the shutdown")
}

// TestDraining: during the drain delay the server is not ready but serves new connections.
func TestDraining(t *testing.T) {
	t.Parallel()
	const delay = 3 * time.Second
	b := setup(t, func(o *server.Options) { o.DrainDelay = delay })
	address, stop, stopped := b.serve(t)
	get := func(path string) (status int, closes bool) {
		client := &http.Client{Transport: &http.Transport{}} // a new connection
		response, err := client.Get("http://" + address + path)
		if err != nil {
			return 0, false
		}
		defer client.CloseIdleConnections()
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Close
	}
	status, closes := get("/readyz")
	require.Equal(t, 200, status)
	require.False(t, closes)

	stop()
	begin := time.Now()
	require.Eventually(t, func() bool {
		status, _ := get("/readyz")
		return status == 503
	}, delay/2, 5*time.Millisecond, "not ready at once")
	for time.Since(begin) < delay-2*time.Second {
		status, closes := get("/healthz")
		require.Equal(t, 200, status, "served during the delay")
		require.True(t, closes, "without keep-alive")
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(t, <-stopped)
	require.GreaterOrEqual(t, time.Since(begin), delay)
	status, _ = get("/healthz")
	require.Zero(t, status, "then closed")
}
