// Package faultproxy is a TCP proxy for tests. It freezes, drops, deafens, mutes, refuses, hangs and delays
// connections.
//
//	proxy := faultproxy.Start(t, databaseURL)
//	drv, err := pgtenant.Open(ctx, proxy.URL())
//	proxy.Freeze()
package faultproxy

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Proxy forwards connections to one server until its test ends. It is safe for concurrent use.
type Proxy struct {
	tb      testing.TB
	url     *url.URL
	address string

	trips     atomic.Uint64
	delay     atomic.Int64 // a time.Duration
	syncDelay atomic.Int64 // a time.Duration
	deaf      atomic.Bool
	mute      atomic.Bool
	hanging   atomic.Bool
	accepted  atomic.Int64

	mu       sync.Mutex
	server   string
	listener net.Listener
	links    map[*link]struct{}
	done     sync.WaitGroup
}

type link struct {
	client, server net.Conn
	frozen         atomic.Bool
	clientSent     atomic.Bool // the client sent last
}

// Start forwards to the server of a PostgreSQL URL.
func Start(tb testing.TB, databaseURL string) *Proxy {
	tb.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(tb, err)
	p := &Proxy{tb: tb, url: u, server: u.Host, address: "127.0.0.1:0", links: map[*link]struct{}{}}
	p.Accept()
	tb.Cleanup(func() {
		p.Mute(false)
		p.Refuse()
		p.Drop()
		p.done.Wait()
	})
	return p
}

// URL returns the database's URL through the proxy.
func (p *Proxy) URL() string {
	u := *p.url
	u.Host = p.Address()
	return u.String()
}

// Address returns the proxy's "host:port".
func (p *Proxy) Address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address
}

// Accepted counts accepted connections, including hanging ones and cancel requests.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// RoundTrips counts how often a client sent data first, or after receiving some.
func (p *Proxy) RoundTrips() uint64 { return p.trips.Load() }

// Delay adds d to each round trip, also on existing connections.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// DelaySync delays the Sync message at the end of each pipeline by d.
func (p *Proxy) DelaySync(d time.Duration) { p.syncDelay.Store(int64(d)) }

// Deafen controls whether a connection is closed instead of forwarding a response.
func (p *Proxy) Deafen(on bool) { p.deaf.Store(on) }

// Mute controls whether responses are held back.
func (p *Proxy) Mute(on bool) { p.mute.Store(on) }

// Accept accepts new connections, after [Proxy.Refuse] on the same port.
func (p *Proxy) Accept() {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	listener, err := (&net.ListenConfig{}).Listen(context.WithoutCancel(p.tb.Context()), "tcp", p.address)
	require.NoError(p.tb, err)
	p.listener, p.address = listener, listener.Addr().String()
	p.done.Go(func() { p.accept(listener) })
}

// Refuse refuses new connections. Existing ones continue.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.listener.Close()
}

// Hang controls whether new connections are accepted but not forwarded.
func (p *Proxy) Hang(on bool) { p.hanging.Store(on) }

// Redirect forwards new connections to another server, "host:port".
func (p *Proxy) Redirect(server string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = server
}

// Freeze stops forwarding on existing connections, leaves them open, and returns their number. New ones work.
func (p *Proxy) Freeze() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.frozen.Store(true)
	}
	return len(p.links)
}

// Drop closes existing connections.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.frozen.Store(true)
		l.close()
		delete(p.links, l)
	}
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.take(client)
	}
}

func (p *Proxy) take(client net.Conn) {
	l := &link{client: client}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted.Add(1)
	p.links[l] = struct{}{}
	if p.hanging.Load() {
		return
	}
	server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(p.tb.Context()), "tcp", p.server)
	if err != nil {
		l.close()
		delete(p.links, l)
		return
	}
	l.server = server
	p.done.Go(func() { p.forward(l, server, client) })
	p.done.Go(func() { p.forward(l, client, server) })
}

func (p *Proxy) forward(l *link, to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if l.frozen.Load() {
			return
		}
		if n > 0 {
			if to == l.client && p.deaf.Load() {
				p.end(l)
				return
			}
			for to == l.client && p.mute.Load() {
				time.Sleep(time.Millisecond)
			}
			p.trackRoundTrip(l, to)
			if failed := p.send(l, to, buffer[:n]); failed != nil {
				err = failed
			}
		}
		if err != nil {
			p.end(l)
			return
		}
	}
}

// trackRoundTrip counts and delays a round trip if this write of the client starts one.
func (p *Proxy) trackRoundTrip(l *link, to io.Writer) {
	toServer := to == l.server
	if turned := l.clientSent.Swap(toServer) != toServer; turned && toServer {
		p.trips.Add(1)
		time.Sleep(time.Duration(p.delay.Load()))
	}
}

// send writes data, which may end with a delayed Sync: the byte S and the length 4.
func (p *Proxy) send(l *link, to io.Writer, data []byte) error {
	syncMessage := []byte{'S', 0, 0, 0, 4}
	delay := time.Duration(p.syncDelay.Load())
	if before, found := bytes.CutSuffix(data, syncMessage); found && delay > 0 && to == l.server {
		if _, err := to.Write(before); err != nil {
			return err
		}
		time.Sleep(delay)
		data = syncMessage
	}
	_, err := to.Write(data)
	return err
}

func (p *Proxy) end(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.close()
	delete(p.links, l)
}

func (l *link) close() {
	_ = l.client.Close()
	if l.server != nil {
		_ = l.server.Close()
	}
}
