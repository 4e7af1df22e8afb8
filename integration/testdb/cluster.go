package testdb

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/konstruct/konstruct/migrate"
)

const (
	ownerRole = migrate.OwnerRole
	appRole   = migrate.AppRole

	// adminConnections limits how many databases a process creates or drops in parallel.
	adminConnections = 4
)

// Cluster is a PostgreSQL server for tests.
type Cluster struct {
	// Version of the server, such as "16.9".
	Version string
	// SuperURL is the superuser's URL of the database postgres.
	SuperURL string

	base  *url.URL
	admin *pgxpool.Pool
	// strategy of CREATE DATABASE. file_copy takes two checkpoints: without fsync it is twice as fast as wal_log, with
	// fsync slower.
	strategy string
	// own is set for a cluster of one test.
	own bool
	// keepRunning is called for a kept database; hint starts the command that connects to it.
	keepRunning func() error
	hint        string

	once     sync.Once
	template template
}

// sharedCluster joins the shared cluster on first use.
func sharedCluster(tb testing.TB) *Cluster {
	tb.Helper()
	m, err := process()
	if err != nil {
		tb.Fatalf("testdb: no database: %v", err)
	}
	return m.cluster
}

// OwnCluster starts a server without bootstrap, which stops with the test.
func OwnCluster(tb testing.TB) *Cluster {
	tb.Helper()
	return ownCluster(tb, startOwn)
}

// DurableCluster is an [OwnCluster] with fsync, for benchmarks. It prefers a local PostgreSQL: Docker's network would
// be measured, too.
func DurableCluster(tb testing.TB) *Cluster {
	tb.Helper()
	return ownCluster(tb, startDurable)
}

func ownCluster(tb testing.TB, start func(context.Context) (ownServer, error)) *Cluster {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	server, err := start(ctx)
	if err != nil {
		tb.Fatalf("testdb: start a cluster: %v", err)
	}
	atEnd(tb, server.stop)
	c, err := connect(ctx, server.superURL)
	if err != nil {
		tb.Fatalf("testdb: %v", err)
	}
	tb.Cleanup(c.admin.Close)
	c.own = true
	return c
}

// String returns the server's name, without secrets.
func (c *Cluster) String() string { return "PostgreSQL " + c.Version + " on " + c.base.Host }

func connect(ctx context.Context, superURL string) (*Cluster, error) {
	base, err := url.Parse(superURL)
	if err != nil {
		// The error of net/url contains the password.
		return nil, errors.New("parse the superuser's URL: invalid URL")
	}
	config, err := pgxpool.ParseConfig(superURL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = adminConnections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	c := &Cluster{SuperURL: superURL, base: base, admin: pool}
	err = pool.QueryRow(ctx, `SELECT split_part(current_setting('server_version'), ' ', 1),
		CASE current_setting('fsync') WHEN 'off' THEN 'file_copy' ELSE 'wal_log' END`).Scan(&c.Version, &c.strategy)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return c, nil
}

// password derives a role's password from the superuser's, so that all processes use the same one.
func (c *Cluster) password(role string) string {
	secret, _ := c.base.User.Password()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("konstruct test role " + role))
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

func (c *Cluster) url(role, database string) string {
	u := *c.base
	u.User = url.UserPassword(role, c.password(role))
	u.Path = "/" + database
	return u.String()
}

func (c *Cluster) superURL(database string) string {
	u := *c.base
	u.Path = "/" + database
	return u.String()
}
