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
			go func() {
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					_, _ = io.WriteString(conn, lines.Text()+"\n")
				}
			}()
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
	replies := bufio.NewReader(conn)
	sendLines := func() {
		for range lines {
			for _, half := range []string{"li", "ne\n"} { // two packets, one round trip
				_, err := io.WriteString(conn, half)
				require.NoError(t, err)
				time.Sleep(5 * time.Millisecond)
			}
			got, err := replies.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "line\n", got)
		}
	}

	sendLines()
	require.EqualValues(t, lines, p.RoundTrips())

	p.Delay(delay)
	start := time.Now()
	sendLines()
	require.GreaterOrEqual(t, time.Since(start), lines*delay)
	require.EqualValues(t, 2*lines, p.RoundTrips())
}
