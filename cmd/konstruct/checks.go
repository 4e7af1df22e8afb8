package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// probeConns is how many connections the checks may use at the same time: one for isolation, and one for each of
// /readyz. They are opened when needed.
const probeConns = 4

// checks ask the database what /readyz and the isolation monitor answer, on connections of their own: requests that
// hold all the others must not make the server look broken.
type checks struct {
	probe  *pgtenant.Driver
	driver *pgtenant.Driver // the requests'
	redis  *redisCheck

	current atomic.Pointer[error] // the last answer of migrated
}

func openChecks(ctx context.Context, c config.Serve, driver *pgtenant.Driver) (*checks, error) {
	probe, err := pgtenant.Open(ctx, c.Database.URL.Reveal(),
		pgtenant.WithMaxConns(probeConns), pgtenant.WithQueryMode(string(c.Database.QueryMode)))
	if err != nil {
		return nil, err
	}
	return &checks{probe: probe, driver: driver, redis: &redisCheck{url: c.Redis.RedisURL}}, nil
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
	codeTooManyConnections = "53300"
	codeTempFileLimit      = "53400"
)

// answers asks for an answer that needs no table, so that no lock can hold it up. A server that refuses one more
// connection may still serve those that the requests have.
func (c *checks) answers(ctx context.Context) error {
	err := ping(ctx, c.probe)
	if sqlState(err) == codeTooManyConnections {
		return ping(ctx, c.driver)
	}
	return err
}

func ping(ctx context.Context, driver *pgtenant.Driver) error {
	_, err := pgtenant.Exec(ctx, driver, "select 1")
	return err
}

// migrated returns an error while migrations are pending. While the database can't be asked, because a migration has
// locked the revisions for one, the last answer stands: that an answer is missing is the business of another check.
func (c *checks) migrated(ctx context.Context) error {
	result, err := c.askMigrated(ctx)
	if err == nil {
		c.current.Store(&result)
		return result
	}
	if last := c.current.Load(); last != nil {
		return *last
	}
	return err
}

func (c *checks) askMigrated(ctx context.Context) (result, err error) {
	if err := ping(ctx, c.probe); err != nil { // its errors name the cause and nothing of the URL
		return nil, err
	}
	ok, detail, err := migrate.Current(ctx, c.probe.Pool())
	if err != nil {
		return nil, err
	}
	if !ok {
		return errors.New(detail), nil
	}
	return nil, nil
}

var errReadOnly = errors.New("the database is read-only: a standby, or default_transaction_read_only")

// spill is more than work_mem may hold at its smallest, so PostgreSQL writes it to a temporary file.
const spill = "select count(*) from generate_series(1, 10000)"

// writes returns an error while the database can only read: it is read-only, or its disk is full. That is found out with
// a temporary file, which leaves nothing behind.
func (c *checks) writes(ctx context.Context) (err error) {
	tx, err := c.probe.Tx(ctx)
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
func (c *checks) examine(ctx context.Context) (doctor.Report, error) {
	if err := ping(ctx, c.probe); err != nil {
		return doctor.Report{}, err
	}
	return doctor.Check(ctx, c.probe.Pool(), migrate.Catalogue())
}

func sqlState(err error) string {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok {
		return db.Code
	}
	return ""
}

// hasSchema tells whether any migration was run.
func (c *checks) hasSchema(ctx context.Context) (bool, error) {
	var has sql.NullBool
	err := pgtenant.QueryRow(ctx, c.probe, "select to_regclass('public.tenants') is not null", nil, &has)
	if err != nil {
		return false, fmt.Errorf("looking for the schema: %w", err)
	}
	return has.Bool, nil
}
