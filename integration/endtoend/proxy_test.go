package endtoend_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between a server and its PostgreSQL, and misbehaves when told to.
type proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	wake   *sync.Cond
	frozen bool // connections are accepted, and nothing is forwarded
	deaf   bool // what is sent arrives, and its answer is lost together with the connection
}

// newProxy returns a proxy to the database, and the URL that leads through it.
func newProxy(t *testing.T, databaseURL string) (p *proxy, through string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	p = &proxy{target: u.Host}
	p.wake = sync.NewCond(&p.mu)
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.listener.Close(); p.set(func() { p.frozen = false }) })
	go p.accept()
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

// set changes how the proxy behaves.
func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.wake.Broadcast()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", p.target, 10*time.Second)
		if err != nil {
			_ = client.Close()
			continue
		}
		go p.forward(server, client, false)
		go p.forward(client, server, true)
	}
}

func (p *proxy) forward(to, from net.Conn, answers bool) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(answers) {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits while the proxy is frozen, and reports whether what was read may go on.
func (p *proxy) pass(answers bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.frozen {
		p.wake.Wait()
	}
	return !p.deaf || !answers
}
