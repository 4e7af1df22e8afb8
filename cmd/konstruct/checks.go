package main

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/singleflight"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	// askMigrationsEvery is how long it is believed that no migration is pending.
	askMigrationsEvery = time.Minute
	// askTimeout bounds asking for them.
	askTimeout = 10 * time.Second
)

// checks ask what /readyz and the isolation monitor report.
//
// Whether the database answers and takes writes is asked on a connection that nothing else uses: requests that hold all
// others must not make the server look broken. It is one connection only, because a role's limit counts it, and what is
// asked on it needs no table, so that no lock can hold it up. What reads tables is asked among the requests, and its last
// result stands while it can't be asked.
type checks struct {
	probe  *pgtenant.Driver
	driver *pgtenant.Driver // the requests'
	redis  *redisCheck
	expect doctor.Spec

	asking     singleflight.Group
	migrations atomic.Pointer[migrationsAnswer]
}

func openChecks(ctx context.Context, c config.Serve, driver *pgtenant.Driver) (*checks, error) {
	probe, err := pgtenant.Open(ctx, c.Database.URL.Reveal(),
		pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(string(c.Database.QueryMode)))
	if err != nil {
		return nil, err
	}
	return &checks{
		probe: probe, driver: driver, redis: &redisCheck{url: c.Redis.RedisURL}, expect: spec(c.Database),
	}, nil
}

func (c *checks) close() {
	c.redis.close()
	_ = c.probe.Close() // always nil
}

// readiness lists the checks of /readyz besides isolation.
func (c *checks) readiness() []server.Check {
	return []server.Check{
		{Name: "postgresql", Required: true, Run: c.answers},
		{Name: "migrations", Required: true, Run: c.migrated},
		{Name: "writes", Degrades: true, Run: c.writes},
		{Name: "redis", Run: c.redis.run},
	}
}

const (
	codeUndefinedTable     = "42P01"
	codeTooManyConnections = "53300"
	codeTempFileLimit      = "53400"
)

// answers returns an error while the database does not answer.
func (c *checks) answers(ctx context.Context) error {
	_, err := c.reachable(ctx)
	return err
}

// reachable returns the driver on which the database answers. A server that refuses another connection may still serve
// those that the requests have.
func (c *checks) reachable(ctx context.Context) (*pgtenant.Driver, error) {
	err := ping(ctx, c.probe)
	if sqlState(err) != codeTooManyConnections {
		return c.probe, err
	}
	return c.driver, ping(ctx, c.driver)
}

func ping(ctx context.Context, driver *pgtenant.Driver) error {
	_, err := pgtenant.Exec(ctx, driver, "select 1")
	return err
}

// migrated returns an error while migrations are pending. While the database can't be asked, because a migration has
// locked the revisions for one, its last answer stands: that it doesn't answer is for another check to say.
func (c *checks) migrated(ctx context.Context) error {
	if last := c.migrations.Load(); last != nil && last.pending == nil && time.Since(last.at) < askMigrationsEvery {
		return nil
	}
	asked := c.asking.DoChan("migrations", func() (any, error) { return nil, c.askMigrations(context.WithoutCancel(ctx)) })
	var err error
	select {
	case result := <-asked:
		err = result.Err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if last := c.migrations.Load(); last != nil {
		return last.pending
	}
	return err
}

// askMigrations asks, and keeps the answer.
func (c *checks) askMigrations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	pending, err := c.pendingMigrations(ctx)
	if err == nil {
		c.migrations.Store(&migrationsAnswer{at: time.Now(), pending: pending})
	}
	return err
}

// migrationsAnswer is what the database said about its migrations.
type migrationsAnswer struct {
	at      time.Time
	pending error
}

// pendingMigrations returns what is pending, and an error if the database can't be asked.
func (c *checks) pendingMigrations(ctx context.Context) (pending, err error) {
	err = c.driver.WithConn(ctx, func(conn *pgx.Conn) error {
		ok, detail, err := migrate.Current(ctx, conn)
		if err == nil && !ok {
			pending = errors.New(detail)
		}
		return err
	})
	return pending, err
}

var errReadOnly = errors.New("the database is read-only: a standby, or default_transaction_read_only")

// spill is more than work_mem may hold at its smallest, so PostgreSQL writes it to a temporary file.
const spill = "select count(*) from generate_series(1, 10000)"

// writes returns an error while the database can only read: it is read-only, or its disk is full. That is found out with
// a temporary file, which leaves nothing behind.
func (c *checks) writes(ctx context.Context) (err error) {
	driver, err := c.reachable(ctx)
	if err != nil {
		return err
	}
	tx, err := driver.Tx(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	var readOnly, workMem sql.NullString
	err = pgtenant.QueryRow(ctx, tx,
		"select current_setting('transaction_read_only'), set_config('work_mem', '64kB', true)", nil, &readOnly, &workMem)
	if err != nil {
		return err
	}
	if readOnly.String != "off" {
		return errReadOnly
	}
	var rows int64
	err = pgtenant.QueryRow(ctx, tx, spill, nil, &rows)
	if sqlState(err) == codeTempFileLimit { // the operator's own limit
		return nil
	}
	return err
}

// examine is the doctor's check of a live database.
func (c *checks) examine(ctx context.Context) (report doctor.Report, err error) {
	err = c.driver.WithConn(ctx, func(conn *pgx.Conn) error {
		report, err = doctor.Check(ctx, conn, c.expect)
		return err
	})
	return report, err
}

func sqlState(err error) string {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code
	}
	return ""
}
