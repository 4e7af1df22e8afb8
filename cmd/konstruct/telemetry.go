package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/telemetry"
)

// runningTelemetry is telemetry with a bounded stop.
type runningTelemetry struct {
	*telemetry.Telemetry

	stop func()
}

// listener is listen or listenNear.
type listener func(ctx context.Context, address string, log *slog.Logger) (net.Listener, error)

func listen(ctx context.Context, address string, _ *slog.Logger) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

// startTelemetry serves metrics and exports traces. Call stop after the server has stopped: it sends the rest until the
// shutdown timeout, which starts after ctx and the drain delay.
func startTelemetry(ctx context.Context, c config.Serve, log *slog.Logger, listen listener) (*runningTelemetry, error) {
	options := telemetry.Options{Version: thisBuild().Version, TracesURL: c.Telemetry.TracesURL(), Logger: log}
	if address := c.Telemetry.ListenAddr(); address != "" {
		var err error
		if options.Listener, err = listen(ctx, address, log); err != nil {
			return nil, fmt.Errorf("listen for metrics: %w", err)
		}
		log.InfoContext(ctx, "serving metrics", "address", options.Listener.Addr().String())
	}
	t, err := telemetry.Start(ctx, options)
	if err != nil {
		if options.Listener != nil {
			err = errors.Join(err, options.Listener.Close())
		}
		return nil, err
	}
	flushing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(c.HTTP.Drain()+c.HTTP.ShutdownTimeout, cancel) })
	return &runningTelemetry{t, func() {
		defer cancel()
		flushing, cancel := context.WithTimeout(flushing, c.HTTP.ShutdownTimeout)
		defer cancel()
		if err := t.Shutdown(flushing); err != nil {
			log.WarnContext(ctx, "telemetry was not sent completely", "error", err)
		}
	}}, nil
}
