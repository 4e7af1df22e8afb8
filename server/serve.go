package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Timeouts and limits of connections and requests.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	requestTimeout    = 25 * time.Second // less than writeTimeout, so that the problem can be written
	writeTimeout      = 30 * time.Second
	idleTimeout       = 90 * time.Second
	headerLimit       = 16 << 10  // bytes
	bodyLimit         = 1<<20 + 1 // the smallest rejected size, in bytes
)

const countsEvery = time.Minute

// Run listens on Options.Addr and serves until ctx ends; see [Server.Serve].
func (s *Server) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.Serve(ctx, listener)
}

// Serve serves on listener until ctx ends, and closes it. It runs the isolation monitor, and returns an error without
// serving if tenants are not isolated.
//
// When ctx ends, /readyz returns 503 and requests are still served for Options.DrainDelay. Then the listener is closed,
// and Serve returns when the running requests have ended or after Options.ShutdownTimeout. A graceful shutdown returns
// nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if err := s.proveIsolation(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := s.httpServer(ctx)
	var background sync.WaitGroup
	working, stop := context.WithCancel(context.WithoutCancel(ctx)) // also runs during the drain
	background.Go(func() { _ = s.isolation.Run(working) })          // the error is of working
	for _, work := range s.background {
		background.Go(func() { work(working) })
	}
	counts := s.slackCounts()
	background.Go(func() { s.every(working, countsEvery, counts) })

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	s.log.InfoContext(ctx, "listening", "address", listener.Addr().String())

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = s.shutdown(ctx, server, failed)
	}
	stop()
	background.Wait()
	s.failures.flush()
	counts(context.WithoutCancel(ctx))
	return err
}

// proveIsolation checks isolation unless a valid result exists.
func (s *Server) proveIsolation(ctx context.Context) error {
	if s.isolation.Healthy() == nil {
		return nil
	}
	if _, err := s.isolation.Check(ctx); err != nil {
		return fmt.Errorf("check isolation: %w", err)
	}
	return s.isolation.Healthy()
}

func (s *Server) httpServer(ctx context.Context) *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // client errors in TLS and HTTP
		// Running requests must finish after ctx ends.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
}

func (s *Server) shutdown(ctx context.Context, server *http.Server, failed <-chan error) error {
	s.readiness.drain()
	s.log.InfoContext(ctx, "shutting down", "drain_delay", s.drainDelay, "shutdown_timeout", s.shutdownTimeout)
	select {
	case err := <-failed:
		return err
	case <-time.After(s.drainDelay):
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down: %w", err), server.Close())
	}
	return nil
}

func (s *Server) every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx)
		}
	}
}
