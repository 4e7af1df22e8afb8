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
	headerLimit       = 16 << 10 // bytes
	bodyLimit         = 1 << 20  // bytes
)

const (
	isolationEvery = time.Minute
	isolationRetry = 5 * time.Second
	sweepEvery     = 10 * time.Minute
	sweepTimeout   = 30 * time.Second
)

// Run listens at the address of the options and serves until ctx ends; see [Server.Serve].
func (s *Server) Run(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.Serve(ctx, listener)
}

// Serve serves on listener, which it closes, until ctx ends. Then it is no longer ready, takes no new connection, and
// waits for the requests that are running, as long as the options say. It refuses to begin where tenants aren't
// isolated, and asks again each minute. A stop that went well is nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if err := s.CheckIsolation(ctx); err != nil {
		return errors.Join(fmt.Errorf("tenants are not isolated: %w", err), listener.Close())
	}
	server := s.httpServer(ctx)
	var background sync.WaitGroup
	working, stop := context.WithCancel(ctx)
	background.Go(func() { s.watchIsolation(working) })
	background.Go(func() { s.every(working, sweepEvery, s.sweep) })

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	s.log.InfoContext(ctx, "listening", "address", listener.Addr().String())

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = s.shutdown(ctx, server)
	}
	stop()
	background.Wait()
	return err
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

func (s *Server) shutdown(ctx context.Context, server *http.Server) error {
	s.readiness.drain()
	s.log.InfoContext(ctx, "stopping")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
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

// watchIsolation asks again each minute, and sooner while tenants are refused: what is mended should serve soon.
func (s *Server) watchIsolation(ctx context.Context) {
	wait := isolationEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = isolationEvery
		if err := s.CheckIsolation(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "isolation is not proven: refusing tenants", causeAttr(err))
			wait = isolationRetry
		}
	}
}

func (s *Server) sweep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	if err := s.sessions.Sweep(ctx); err != nil {
		s.log.WarnContext(ctx, "sweep failed", causeAttr(err))
	}
}
