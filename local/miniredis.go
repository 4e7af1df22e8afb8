package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/alicebob/miniredis/v2"
)

// ErrInProcess is returned when a detached Redis would be miniredis, which runs in this process.
var ErrInProcess = errors.New("redis-server is not installed, and miniredis cannot run detached")

func startMiniredis(ctx context.Context, opt RedisOptions) (*Redis, error) {
	if opt.Detached {
		return nil, ErrInProcess
	}
	password := cmp.Or(opt.Password, rand.Text())
	server, err := runMiniredis(net.JoinHostPort(Loopback, strconv.Itoa(opt.Port)), password)
	if err != nil {
		return nil, err
	}
	orSilence(opt.Logger).InfoContext(ctx,
		"redis-server is not installed: using miniredis, which keeps data in memory only")
	port := server.Server().Addr().Port
	return &Redis{Kind: Miniredis, Port: port, password: password, stop: func(context.Context) error {
		server.Close()
		return nil
	}}, nil
}

// ServeMiniredis runs miniredis on addr (host:port) until ctx is done. [StartDetached] calls it in a separate process.
func ServeMiniredis(ctx context.Context, addr, password string) error {
	server, err := runMiniredis(addr, password)
	if err != nil {
		return err
	}
	defer server.Close()
	<-ctx.Done()
	return nil
}

func runMiniredis(addr, password string) (*miniredis.Miniredis, error) {
	server := miniredis.NewMiniRedis()
	// Otherwise keys never expire.
	server.ClockTTL(true)
	server.RequireAuth(password)
	if err := server.StartAddr(addr); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", addr, ErrPortTaken, err)
	}
	return server, nil
}
