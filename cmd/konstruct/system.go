package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// isolationInterval is how often a running server checks tenant isolation.
const isolationInterval = time.Minute

// system is the server with its dependencies.
type system struct {
	driver  *pgtenant.Driver
	client  *ent.Client
	box     *secrets.Box
	checks  *checks
	monitor *doctor.Monitor
	server  *server.Server
}

// openSystem builds a system without connecting to anything.
func openSystem(
	ctx context.Context, c config.Serve, mailing server.MailOptions, log *slog.Logger, tele *runningTelemetry,
) (_ *system, err error) {
	s := &system{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.driver, err = openDriver(ctx, c.Database); err != nil {
		return nil, err
	}
	if s.checks, err = openChecks(ctx, c, s.driver); err != nil {
		return nil, err
	}
	s.client = ent.NewClient(ent.Driver(s.driver))
	s.monitor = doctor.NewMonitor(func(ctx context.Context) (doctor.Report, error) {
		return examine(ctx, s.driver, c.Database)
	}, isolationInterval, log)
	if err := s.build(ctx, c, mailing, log, tele); err != nil {
		return nil, err
	}
	if err := tele.Observe(s.driver, s.monitor); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *system) build(
	ctx context.Context, c config.Serve, mailing server.MailOptions, log *slog.Logger, tele *runningTelemetry,
) (err error) {
	key, err := s.openBox(c.SecretsKeys)
	if err != nil {
		return err
	}
	s.server, err = server.New(ctx, server.Options{
		Driver: s.driver, Box: s.box, Key: key,
		SlackSecret:     c.Slack.SigningSecret.Reveal(),
		Mail:            mailing,
		Version:         thisBuild().Version,
		Isolation:       s.monitor,
		Ready:           s.checks.readiness(),
		Logger:          log,
		TrustedProxies:  c.HTTP.TrustedProxies.Prefixes(),
		Docs:            c.HTTP.Docs,
		Addr:            c.HTTP.ListenAddr,
		DrainDelay:      c.HTTP.Drain(),
		ShutdownTimeout: c.HTTP.ShutdownTimeout,
		Meters:          tele.Meters(),
		Tracers:         tele.Tracers(),
	})
	return err
}

// openBox opens the box for channel secrets and returns the key for other uses. Without keys there is no box and a
// random key.
func (s *system) openBox(keys config.SecretsKeys) (key []byte, err error) {
	if !keys.IsSet() {
		key = make([]byte, secrets.KeySize)
		_, _ = rand.Read(key) // never fails
		return key, nil
	}
	s.box, err = secrets.NewBox(keys.Reveal())
	return keys.Reveal()[0], err
}

func (s *system) close() {
	if s.checks != nil {
		s.checks.close()
	}
	if s.driver != nil {
		_ = s.driver.Close() // always nil
	}
}
