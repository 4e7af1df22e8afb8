package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// TestShutdownFinishesRequests shuts down while a login is hashed.
func TestShutdownFinishesRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hold := make(chan struct{})
	b.hasher.hold.Store(&hold)
	before := b.hasher.compared.Load()

	ctx, stop := context.WithCancel(t.Context())
	address, stopped := serve(t, ctx, b)
	status := make(chan int, 1)
	go func() {
		response, err := http.Post("http://"+address+"/v1/auth/login", "application/json",
			bytes.NewReader([]byte(`{"email": "`+userEmail+`", "password": "`+password+`"}`)))
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	require.Eventually(t, func() bool { return b.hasher.compared.Load() == before+1 }, 10*time.Second, time.Millisecond)
	stop()
	require.Eventually(t, func() bool {
		_, err := net.DialTimeout("tcp", address, time.Second)
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "the listener is closed")
	require.Equal(t, http.StatusServiceUnavailable, b.get(t, "", "/readyz").status)
	select {
	case err := <-stopped:
		require.Fail(t, "stopped before the request ended", "%v", err)
	case <-time.After(50 * time.Millisecond):
	}
	b.hasher.hold.Store(nil)
	close(hold)
	require.Equal(t, http.StatusOK, <-status)
	require.NoError(t, <-stopped)
}

func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) { o.ShutdownTimeout = 50 * time.Millisecond })
	hold := make(chan struct{})
	b.hasher.hold.Store(&hold)
	defer close(hold)
	before := b.hasher.compared.Load()
	ctx, stop := context.WithCancel(t.Context())
	address, stopped := serve(t, ctx, b)
	go func() {
		response, err := http.Post("http://"+address+"/v1/auth/login", "application/json",
			bytes.NewReader([]byte(`{"email": "`+userEmail+`", "password": "`+password+`"}`)))
		if err == nil {
			_ = response.Body.Close()
		}
	}()
	require.Eventually(t, func() bool { return b.hasher.compared.Load() == before+1 }, 10*time.Second, time.Millisecond)
	stop()
	require.ErrorIs(t, <-stopped, context.DeadlineExceeded)
}

func TestServeRequiresIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.isolation.finding.Store(errorFinding())
	_, err := b.monitor.Check(t.Context())
	require.NoError(t, err)
	_, stopped := serve(t, t.Context(), b)
	require.ErrorIs(t, <-stopped, doctor.ErrUnsafe)
}

// TestServeMonitorsIsolation: a finding blocks tenants until it is fixed.
func TestServeMonitorsIsolation(t *testing.T) {
	t.Parallel()
	var live isolationCheck
	monitor := doctor.NewMonitor(live.check, 20*time.Millisecond, slog.New(slog.DiscardHandler))
	b := setup(t, func(o *server.Options) { o.Isolation = monitor })
	tenant := b.createTenant(t, "acme")
	ctx, stop := context.WithCancel(t.Context())
	_, stopped := serve(t, ctx, b)
	status := func() int { return b.get(t, b.admin, tenant+"/agents").status }
	eventually := func(want int, why string) {
		t.Helper()
		require.Eventually(t, func() bool { return status() == want }, 10*time.Second, 5*time.Millisecond, why)
	}
	before := live.checks.Load()
	require.Eventually(t, func() bool { return live.checks.Load() > before+2 }, 10*time.Second, time.Millisecond, "repeated checks")
	require.Equal(t, http.StatusOK, status())

	failure := errors.New("no connection")
	live.failure.Store(&failure)
	before = live.checks.Load()
	require.Eventually(t, func() bool { return live.checks.Load() > before+2 }, 10*time.Second, time.Millisecond)
	require.Equal(t, http.StatusOK, status(), "a failed check is not a finding")
	require.Equal(t, http.StatusOK, b.get(t, "", "/readyz").status)

	live.failure.Store(nil)
	live.finding.Store(errorFinding())
	eventually(http.StatusServiceUnavailable, "a finding blocks tenants")
	live.finding.Store(nil)
	eventually(http.StatusOK, "until it is fixed")

	stop()
	require.NoError(t, <-stopped)
	before = live.checks.Load()
	time.Sleep(100 * time.Millisecond)
	require.Equal(t, before, live.checks.Load(), "no checks after the shutdown")
}

// TestDraining: during the drain delay the server is not ready but serves new connections.
func TestDraining(t *testing.T) {
	t.Parallel()
	const delay = 3 * time.Second
	b := setup(t, func(o *server.Options) { o.DrainDelay = delay })
	ctx, stop := context.WithCancel(t.Context())
	address, stopped := serve(t, ctx, b)
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
	require.Equal(t, http.StatusOK, status)
	require.False(t, closes)

	stop()
	begin := time.Now()
	require.Eventually(t, func() bool {
		status, _ := get("/readyz")
		return status == http.StatusServiceUnavailable
	}, delay/2, 5*time.Millisecond, "not ready at once")
	for time.Since(begin) < delay-2*time.Second {
		status, closes := get("/healthz")
		require.Equal(t, http.StatusOK, status, "served during the delay")
		require.True(t, closes, "without keep-alive")
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(t, <-stopped)
	require.GreaterOrEqual(t, time.Since(begin), delay)
	status, _ = get("/healthz")
	require.Zero(t, status, "then closed")
}

// TestSlackEventsAreCounted: the counts are logged at shutdown.
func TestSlackEventsAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create(t, b.createTenant(t, "acme")+"/channel-connections", map[string]any{"channel_type": "slack", "workspace_id": "T0ACME", "status": "active"})
	ctx, stop := context.WithCancel(t.Context())
	_, stopped := serve(t, ctx, b)
	for _, workspace := range []string{"T0ACME", "T0ACME", "T0OTHER"} {
		require.Equal(t, http.StatusOK, b.slack(t, slackMessage(workspace, "hello")).status)
	}
	stop()
	require.NoError(t, <-stopped)
	lines := b.logLines(t, func(record map[string]any) bool { return record["msg"] == "slack events" })
	require.Len(t, lines, 1)
	for outcome, count := range b.SlackStats().All() {
		require.InDelta(t, count, lines[0][outcome], 0, outcome)
	}
	require.InDelta(t, 2, lines[0]["delivered"], 0)
}

//nolint:revive // a test's context comes second
func serve(t *testing.T, ctx context.Context, b *testBundle) (address string, stopped <-chan error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx, listener) }()
	return listener.Addr().String(), done
}
