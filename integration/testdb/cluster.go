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

	// adminConnections is how many databases one process makes or drops at the same time.
	adminConnections = 4
)

// Cluster is a PostgreSQL server for tests.
type Cluster struct {
	// Version is the server's, such as "16.9".
	Version string
	// SuperURL is the superuser's, on the database postgres.
	SuperURL string

	base  *url.URL
	admin *pgxpool.Pool
	// strategy is the faster way to copy a database: file_copy takes two checkpoints, which cost nothing where fsync is
	// off, and is twice as fast there; elsewhere wal_log is.
	strategy string
	// own clusters belong to one test.
	own bool
	// keepRunning is called when a database outlives its test; hint begins the command that looks into it.
	keepRunning func() error
	hint        string

	once     sync.Once
	template template
}

// sharedCluster is the one of this process, joined at its first use.
func sharedCluster(tb testing.TB) *Cluster {
	tb.Helper()
	m, err := process.get()
	if err != nil {
		tb.Fatalf("testdb: no database, and a test without one proves nothing: %v", err)
	}
	return m.cluster
}

// OwnCluster is a server for this test alone, without any role or database of ours. It ends with the test.
func OwnCluster(tb testing.TB) *Cluster {
	tb.Helper()
	return ownCluster(tb, startOwn)
}

// DurableCluster is an [OwnCluster] whose commits wait for the disk, as a production server's do: for measuring. It
// takes this machine's PostgreSQL rather than Docker's, whose network would be measured with it.
func DurableCluster(tb testing.TB) *Cluster {
	tb.Helper()
	return ownCluster(tb, startDurable)
}

func ownCluster(tb testing.TB, start func(context.Context) (ownServer, error)) *Cluster {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := start(ctx)
	if err != nil {
		tb.Fatalf("testdb: a cluster of the test's own: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.stop(ctx); err != nil {
			tb.Errorf("testdb: %v", err)
		}
	})
	c, err := connect(ctx, server.superURL)
	if err != nil {
		tb.Fatalf("testdb: %v", err)
	}
	tb.Cleanup(c.admin.Close)
	c.own = true
	return c
}

// String names the server and no secret.
func (c *Cluster) String() string { return "PostgreSQL " + c.Version + " on " + c.base.Host }

// connect opens the superuser's pool and reads the version.
func connect(ctx context.Context, superURL string) (*Cluster, error) {
	base, err := url.Parse(superURL)
	if err != nil {
		// The error of net/url prints what it could not parse, password included.
		return nil, errors.New("the superuser's URL cannot be parsed")
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

// password of a role follows from the superuser's, so that all processes know it and none has to tell another.
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
