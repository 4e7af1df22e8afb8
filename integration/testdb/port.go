package testdb

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreePort returns a free loopback port below Linux's ephemeral range, since an outgoing connection could take it
// before the server starts.
func FreePort(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		port := 20_000 + rand.IntN(12_000) //nolint:gosec // any will do
		listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp",
			net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	tb.Fatal("testdb: no free port")
	return 0
}
