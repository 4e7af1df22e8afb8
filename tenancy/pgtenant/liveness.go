package pgtenant

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// staleAfter is how long a connection may be idle without a ping before its next use.
	staleAfter  = time.Second
	pingTimeout = time.Second
)

// liveness finds connections that a proxy or a firewall dropped silently while they were idle. pgxpool's ping is not
// used: after its timeout pgx sends a cancel request, waits for [cancelTimeout], and takes up to 15 s to close the
// connection, which the pool still counts.
type liveness struct {
	pool     atomic.Pointer[pgxpool.Pool]
	sweeping atomic.Bool
}

// shouldPing is pgxpool's ShouldPing. It pings a stale connection, and returns true if it closed it. Then the pool
// tries another.
func (l *liveness) shouldPing(ctx context.Context, p pgxpool.ShouldPingParams) bool {
	if p.IdleDuration <= staleAfter || alive(ctx, p.Conn) {
		return false
	}
	if ctx.Err() == nil {
		l.sweep(context.WithoutCancel(ctx))
	}
	return true
}

// sweep tests all idle connections after one was dead, as the others are likely dead too. It takes them out of the pool
// before it returns, so that no caller receives one.
func (l *liveness) sweep(ctx context.Context) {
	pool := l.pool.Load()
	if pool == nil || !l.sweeping.CompareAndSwap(false, true) {
		return
	}
	idle := pool.AcquireAllIdle(ctx)
	go func() {
		defer l.sweeping.Store(false)
		var tests sync.WaitGroup
		for _, conn := range idle {
			tests.Go(func() {
				defer conn.Release() // the pool removes closed ones
				alive(ctx, conn.Conn())
			})
		}
		tests.Wait()
	}()
}

// alive pings an idle connection. It closes it if there is no answer before the timeout or the end of ctx.
func alive(ctx context.Context, conn *pgx.Conn) bool {
	socket := conn.PgConn().Conn()
	err := socket.SetDeadline(time.Now().Add(pingTimeout))
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Now()) })
	if err == nil {
		err = ping(context.WithoutCancel(ctx), conn.PgConn())
	}
	if stop() && err == nil && socket.SetDeadline(time.Time{}) == nil {
		return true
	}
	// Closed first, so that conn.Close does not wait for the server.
	_ = socket.Close()
	_ = conn.Close(ctx)
	return false
}

// ping sends an empty statement by the extended protocol, since a pooler may disable the simple one. The deadline is
// the socket's.
func ping(ctx context.Context, conn *pgconn.PgConn) error {
	frontend := conn.Frontend()
	frontend.SendParse(&pgproto3.Parse{})
	frontend.SendBind(&pgproto3.Bind{})
	frontend.SendExecute(&pgproto3.Execute{})
	frontend.SendSync(&pgproto3.Sync{})
	if err := frontend.Flush(); err != nil {
		return err
	}
	for {
		message, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		switch message.(type) {
		case *pgproto3.ReadyForQuery:
			return nil
		case *pgproto3.ErrorResponse:
			return errors.New("pgtenant: ping refused")
		}
	}
}
