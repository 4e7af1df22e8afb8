package faultproxy_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/faultproxy"
)

// echo is a server that sends back what it receives.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	return listener.Addr().String()
}

func TestRoundTripsAreCountedAndDelayed(t *testing.T) {
	t.Parallel()
	const lines, delay = 5, 20 * time.Millisecond
	p := faultproxy.Start(t, "postgres://"+echo(t))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Address())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	ask := func() {
		for range lines {
			_, err := io.WriteString(conn, "line\n")
			require.NoError(t, err)
			got, err := answers.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "line\n", got)
		}
	}

	ask()
	require.EqualValues(t, lines, p.RoundTrips())

	p.Delay(delay)
	start := time.Now()
	ask()
	require.GreaterOrEqual(t, time.Since(start), lines*delay)
	require.EqualValues(t, 2*lines, p.RoundTrips())
}
