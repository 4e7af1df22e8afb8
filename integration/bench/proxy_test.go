package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers each line with the same line.
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

func TestProxyPassesOnAndCounts(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"at once": 0, "later": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := startProxy(t.Context(), echo(t), delay)
			require.NoError(t, err)
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.address())
			require.NoError(t, err)
			answers := bufio.NewReader(conn)
			for i := range 5 {
				line := fmt.Sprintf("line %d\n", i)
				_, err := io.WriteString(conn, line)
				require.NoError(t, err)
				got, err := answers.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, line, got)
			}
			require.EqualValues(t, 5, p.trips.Load())

			require.NoError(t, p.close())
			_, err = answers.ReadByte()
			require.Error(t, err, "closing ends the connections")
		})
	}
}

func TestProxyWithoutServerHangsUp(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := listener.Addr().String()
	require.NoError(t, listener.Close())

	p, err := startProxy(context.WithoutCancel(t.Context()), nobody, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.close()) }()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.address())
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.Zero(t, p.trips.Load())
}
