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
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	migrationsMaxAge  = time.Minute // for which "no migration is pending" is cached
	migrationsTimeout = 10 * time.Second
)

// checks are the checks of /readyz and of the isolation monitor.
//
// Availability and writes use a dedicated connection, so that a pool exhausted by requests does not make the server
// unready. It is only one, because it counts against the role's limit, and uses no tables, so that no lock can block
// it. Checks that read tables use the requests' pool and keep their last result while they cannot run.
type checks struct {
	probe  *pgtenant.Driver
	driver *pgtenant.Driver // of the requests
	redis  *redisCheck

	flight     singleflight.Group
	migrations atomic.Pointer[migrationsResult]
}

func openChecks(ctx context.Context, c config.Serve, driver *pgtenant.Driver) (*checks, error) {
	probe, err := pgtenant.Open(ctx, c.Database.URL.Reveal(),
		pgtenant.WithMaxConns(1), pgtenant.WithQueryMode(string(c.Database.QueryMode)))
	if err != nil {
		return nil, err
	}
	return &checks{
		probe: probe, driver: driver, redis: &redisCheck{url: c.Redis.RedisURL},
	}, nil
}

func (c *checks) close() {
	c.redis.close()
	_ = c.probe.Close() // always nil
}

// readiness lists the checks of /readyz besides isolation.
func (c *checks) readiness() []server.Check {
	return []server.Check{
		{Name: "postgresql", Required: true, Run: c.available},
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

func (c *checks) available(ctx context.Context) error {
	_, err := c.reachable(ctx)
	return err
}

// reachable returns a driver with a connection. At the connection limit only the requests' pool may have one.
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

// migrated returns an error while migrations are pending. If the revisions cannot be read, for example because a
// migration locked them, the last result is kept.
func (c *checks) migrated(ctx context.Context) error {
	if last := c.migrations.Load(); last != nil && last.pending == nil && time.Since(last.at) < migrationsMaxAge {
		return nil
	}
	done := c.flight.DoChan("migrations", func() (any, error) {
		return nil, c.checkMigrations(context.WithoutCancel(ctx))
	})
	var err error
	select {
	case result := <-done:
		err = result.Err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if last := c.migrations.Load(); last != nil {
		return last.pending
	}
	return err
}

type migrationsResult struct {
	at      time.Time
	pending error
}

// checkMigrations stores what is pending, or returns an error if that is unknown.
func (c *checks) checkMigrations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationsTimeout)
	defer cancel()
	return c.driver.WithConn(ctx, func(conn *pgx.Conn) error {
		current, detail, err := migrate.Current(ctx, conn)
		if err != nil {
			return err
		}
		result := &migrationsResult{at: time.Now()}
		if !current {
			result.pending = errors.New(detail)
		}
		c.migrations.Store(result)
		return nil
	})
}

// spill exceeds the smallest work_mem, so PostgreSQL writes a temporary file.
const spill = "select count(*) from generate_series(1, 10000)"

// writes returns an error while the database is read-only or cannot write a temporary file, as on a full disk.
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
		"select current_setting('transaction_read_only'), set_config('work_mem', '64kB', true)").
		Scan(&readOnly, &workMem)
	if err != nil {
		return err
	}
	if readOnly.String != "off" {
		return errors.New("the database is read-only (a standby, or default_transaction_read_only)")
	}
	var rows int64
	err = pgtenant.QueryRow(ctx, tx, spill).Scan(&rows)
	if sqlState(err) == codeTempFileLimit { // the operator's own limit
		return nil
	}
	return err
}

func sqlState(err error) string {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code
	}
	return ""
}
