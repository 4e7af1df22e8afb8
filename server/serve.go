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

// Time-outs and limits of every connection and request.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	requestTimeout    = 25 * time.Second // for the handler; less than writeTimeout, so that its problem gets out
	writeTimeout      = 30 * time.Second
	idleTimeout       = 90 * time.Second
	headerLimit       = 16 << 10  // bytes
	bodyLimit         = 1<<20 + 1 // the first size that is refused, in bytes
)

const (
	sweepEvery   = 10 * time.Minute
	sweepTimeout = 30 * time.Second
	countsEvery  = time.Minute
)

// Run listens at the address of the options and serves until ctx ends; see [Server.Serve].
func (s *Server) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.Serve(ctx, listener)
}

// Serve serves on listener, which it closes, until ctx ends, and keeps checking isolation meanwhile. It returns an error
// without serving if tenants are not isolated.
//
// When ctx ends, /readyz turns to 503 first and requests are served as before for Options.DrainDelay, so that load
// balancers stop sending them here. Then the listener is closed, and Serve returns when the running requests have ended,
// or after Options.ShutdownTimeout. An orderly stop is nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if err := s.proveIsolation(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	server := s.httpServer(ctx)
	var background sync.WaitGroup
	working, stop := context.WithCancel(context.WithoutCancel(ctx)) // requests are served while ctx has ended
	background.Go(func() { _ = s.isolation.Run(working) })          // it returns when stopped
	background.Go(func() { s.every(working, sweepEvery, s.sweep) })
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

// proveIsolation checks isolation, unless there is a valid result.
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
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong with TCP and HTTP
		// A request that runs when ctx ends is to be finished.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
}

// shutdown stops the server in the order that [Server.Serve] describes.
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

func (s *Server) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	if err := s.sessions.Sweep(ctx); err != nil {
		s.warn(ctx, "deleting expired sessions failed", err)
	}
}
