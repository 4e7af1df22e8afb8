package pgtenant

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
)

// RoundTrips counts how often connections turned from reading to writing, which is how often a caller waited for the
// network. Opening a connection counts too. The zero value is ready to use, and safe for concurrent use.
type RoundTrips struct{ n atomic.Int64 }

// Count returns the number of round trips so far.
func (t *RoundTrips) Count() int64 { return t.n.Load() }

// watch counts the round trips of every connection of config.
func (t *RoundTrips) watch(config *pgconn.Config) {
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, counter: t}, nil
	}
}

type countedConn struct {
	net.Conn

	counter *RoundTrips
	writing atomic.Bool
}

func (c *countedConn) Write(b []byte) (int, error) {
	if !c.writing.Swap(true) {
		c.counter.n.Add(1)
	}
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.writing.Store(false)
	}
	return n, err
}
