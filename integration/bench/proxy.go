package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between a client and the server, adds to each round trip and counts it. A round trip begins when the
// client writes after the server did, whatever library writes.
type proxy struct {
	listener net.Listener
	server   string
	delay    time.Duration
	trips    atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	done  sync.WaitGroup
}

// startProxy listens on loopback for what goes to server ("host:port"). The delay is added on the way to the server
// only: the sleep of a Go program is exact to about a tenth of a millisecond, and one such error is better than two.
func startProxy(ctx context.Context, server string, delay time.Duration) (*proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &proxy{listener: listener, server: server, delay: delay}
	p.done.Go(func() { p.accept(ctx) })
	return p, nil
}

// address is where clients connect to.
func (p *proxy) address() string { return p.listener.Addr().String() }

// close ends all connections and waits for that.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
	return err
}

func (p *proxy) accept(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.connect(client, server)
	}
}

// connect copies both ways until either side ends.
func (p *proxy) connect(client, server net.Conn) {
	link := &link{proxy: p}
	link.answered.Store(true)
	late := make(chan parcel, 64)
	p.done.Go(func() { link.receive(client, late) })
	p.done.Go(func() {
		link.forward(late, server)
		_ = server.Close()
	})
	p.done.Go(func() {
		_, _ = io.Copy(answers{client, link}, server)
		_ = client.Close()
	})
}

// link is one connection through the proxy.
type link struct {
	proxy    *proxy
	answered atomic.Bool // the server had the last word
}

// parcel is what the client wrote, and when it is due at the server.
type parcel struct {
	data []byte
	due  time.Time
}

func (l *link) receive(client io.Reader, late chan<- parcel) {
	defer close(late)
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			if l.answered.Swap(false) {
				l.proxy.trips.Add(1)
			}
			late <- parcel{data: append([]byte(nil), buffer[:n]...), due: time.Now().Add(l.proxy.delay)}
		}
		if err != nil {
			return
		}
	}
}

// forward goes on where the server is gone, so that the receiver never waits for it.
func (*link) forward(late <-chan parcel, server io.Writer) {
	for p := range late {
		time.Sleep(time.Until(p.due))
		_, _ = server.Write(p.data)
	}
}

// answers is the client's side, noting that the server spoke before the client can know.
type answers struct {
	io.Writer

	link *link
}

func (a answers) Write(b []byte) (int, error) {
	a.link.answered.Store(true)
	return a.Writer.Write(b)
}
