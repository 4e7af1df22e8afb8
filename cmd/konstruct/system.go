package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"

	"github.com/redis/rueidis"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/ent"
	_ "github.com/konstruct/konstruct/ent/runtime" // the schemas' hooks and interceptors
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// system is a server with everything that it stands on.
type system struct {
	driver *pgtenant.Driver
	client *ent.Client
	box    *secrets.Box
	redis  *redisCheck
	server *server.Server
}

// openSystem puts a server together. It connects to nothing yet.
func openSystem(ctx context.Context, c config.Serve, log *slog.Logger) (*system, error) {
	driver, err := openDriver(ctx, c.Database)
	if err != nil {
		return nil, err
	}
	s := &system{driver: driver, client: ent.NewClient(ent.Driver(driver)), redis: &redisCheck{url: c.Redis.RedisURL}}
	if err := s.build(ctx, c, log); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *system) build(ctx context.Context, c config.Serve, log *slog.Logger) (err error) {
	key, err := s.openBox(c.SecretsKeys)
	if err != nil {
		return err
	}
	s.server, err = server.New(ctx, server.Options{
		Client: s.client, Driver: s.driver, Box: s.box, Key: key,
		SlackSecret: c.Slack.SigningSecret.Reveal(),
		Isolation:   s.isolated,
		Ready: []server.Check{
			{Name: "postgresql", Required: true, Run: s.answers},
			{Name: "migrations", Required: true, Run: s.migrated},
			{Name: "redis", Run: s.redis.run},
		},
		Logger:          log,
		TrustedProxies:  c.HTTP.TrustedProxies.Strings(),
		Docs:            c.HTTP.Docs,
		Addr:            c.HTTP.ListenAddr,
		ShutdownTimeout: c.HTTP.ShutdownTimeout,
	})
	return err
}

// openBox returns the key for everything but secrets: the first of keys, or a random one of this process. Without keys
// there is no box, since none is ever built in.
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
	s.redis.close()
	_ = s.driver.Close() // always nil
}

func (s *system) examine(ctx context.Context) (doctor.Report, error) {
	return doctor.Check(ctx, s.driver.Pool(), migrate.Catalogue())
}

func (s *system) isolated(ctx context.Context) error {
	report, err := s.examine(ctx)
	if err != nil {
		return err
	}
	return report.Err()
}

func (s *system) answers(ctx context.Context) error {
	_, err := pgtenant.Exec(ctx, s.driver, "select 1")
	return err
}

func (s *system) migrated(ctx context.Context) error {
	ok, detail, err := migrate.Current(ctx, s.driver.Pool())
	if err == nil && !ok {
		err = errors.New(detail)
	}
	return err
}

// redisCheck connects when it is first asked: the API is served without Redis, too.
type redisCheck struct {
	url config.URL

	mu     sync.Mutex
	client rueidis.Client
}

func (r *redisCheck) run(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client == nil {
		option, err := rueidis.ParseURL(r.url.Reveal())
		if err != nil {
			return errors.New("REDIS_URL can't be read") // the cause may repeat it
		}
		option.DisableCache = true
		if r.client, err = rueidis.NewClient(option); err != nil {
			r.client = nil
			return redisFault(err)
		}
	}
	if err := r.client.Do(ctx, r.client.B().Ping().Build()).Error(); err != nil {
		return redisFault(err)
	}
	return nil
}

func (r *redisCheck) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.client != nil {
		r.client.Close()
	}
}
