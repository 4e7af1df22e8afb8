package pgtenant

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"
)

// Trips counts round trips on the socket: how often a connection turned from reading to writing, which is how often
// somebody waited for the network. Making a connection counts too, so measure on warm ones. The zero value is
// ready, and safe for concurrent use.
type Trips struct{ n atomic.Int64 }

// Count returns the number of round trips so far.
func (t *Trips) Count() int64 { return t.n.Load() }

// watch makes every connection of config count.
func (t *Trips) watch(config *pgconn.Config) {
	dial := dialer(config.DialFunc)
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn, trips: t}, nil
	}
}

// countedConn is a connection that counts its turns.
type countedConn struct {
	net.Conn

	trips   *Trips
	writing atomic.Bool
}

func (c *countedConn) Write(b []byte) (int, error) {
	if !c.writing.Swap(true) {
		c.trips.n.Add(1)
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
