package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/alicebob/miniredis/v2"
)

// ErrInProcess says that miniredis was to be detached: it lives and ends with its process.
var ErrInProcess = errors.New("redis-server is not installed, and miniredis cannot outlive its process")

func startMiniredis(ctx context.Context, opt RedisOptions) (*Redis, error) {
	if opt.Detached {
		return nil, ErrInProcess
	}
	password := opt.Password
	if password == "" {
		password = rand.Text()
	}
	server, err := runMiniredis(net.JoinHostPort(Loopback, strconv.Itoa(opt.Port)), password)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(server.Port())
	if err != nil {
		server.Close()
		return nil, err
	}
	orSilence(opt.Logger).InfoContext(ctx, "redis-server is not installed here: miniredis answers instead, in memory")
	return &Redis{Kind: Miniredis, Port: port, password: password, stop: func(context.Context) error {
		server.Close()
		return nil
	}}, nil
}

// ServeMiniredis runs miniredis on addr, such as 127.0.0.1:6379, until ctx ends. It is what a process does that was
// started by [StartDetached] in place of redis-server.
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
	// Without it, keys would expire only when a test says so.
	server.ClockTTL(true)
	server.RequireAuth(password)
	if err := server.StartAddr(addr); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", addr, ErrPortTaken, err)
	}
	return server, nil
}
