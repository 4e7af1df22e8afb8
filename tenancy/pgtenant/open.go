package pgtenant

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	defaultAcquireTimeout = 5 * time.Second
	// defaultConnectTimeout bounds opening a connection, for each host and address, unless the connection string has a
	// connect_timeout. It is shorter than the acquire timeout, so that the error has the cause.
	defaultConnectTimeout = 3 * time.Second
	// cancelTimeout is how long a statement may run after its cancel request before its connection is closed.
	cancelTimeout = 2 * time.Second
)

// The simple protocol can run several statements in one string, and describe_exec costs another round trip.
func queryModes() map[string]pgx.QueryExecMode {
	return map[string]pgx.QueryExecMode{
		"cache_statement": pgx.QueryExecModeCacheStatement,
		"cache_describe":  pgx.QueryExecModeCacheDescribe,
		"exec":            pgx.QueryExecModeExec,
	}
}

type config struct {
	acquireTimeout time.Duration
	maxConns       int32
	queryMode      string
	trips          *RoundTrips
}

// Option configures a driver.
type Option func(*config)

// WithMaxConns sets the maximum size of the pool. The default is pgxpool's; use 2 to 4 connections per core of the
// database. One tenant uses at most half of it, even while the server accepts fewer connections.
func WithMaxConns(n int32) Option { return func(c *config) { c.maxConns = n } }

// WithQueryMode sets pgx's query mode: "cache_statement" (the default, for direct connections only), or
// "cache_describe" or "exec" behind a pooler, even one that tracks prepared statements. [Open] returns [ErrConfig] for
// others, and statements do in "cache_statement" behind a pooler that sends its own process ids, such as PgBouncer.
func WithQueryMode(mode string) Option { return func(c *config) { c.queryMode = mode } }

// WithAcquireTimeout sets the maximum wait for a connection, after which [ErrPoolBusy] is returned. The default is 5 s.
func WithAcquireTimeout(d time.Duration) Option { return func(c *config) { c.acquireTimeout = d } }

// WithRoundTrips counts in t the round trips of every connection that [Open] makes.
func WithRoundTrips(t *RoundTrips) Option { return func(c *config) { c.trips = t } }

// Open returns a driver for the database of dsn, a URL or a keyword/value string. It opens no connection. It returns
// [ErrConfig] if dsn presets a setting that isolation depends on. No error repeats the dsn.
func Open(ctx context.Context, dsn string, opts ...Option) (*Driver, error) {
	c := newConfig(opts)
	pc, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: the connection string can't be read", ErrConfig)
	}
	if err := c.apply(pc); err != nil {
		return nil, err
	}
	live := &liveness{}
	pc.ShouldPing = live.shouldPing
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("%w: the pool's size", ErrConfig)
	}
	live.pool.Store(pool)
	d := newDriver(pool, c)
	d.trips = c.trips
	d.resets = pc.PrepareConn != nil // behind a pooler the next statement may use another session
	return d, nil
}

// New returns a driver for an existing pool. It returns [ErrConfig] unless the pool has a supported query mode with its
// cache, no preset that isolation depends on, client_encoding=UTF8, timezone=UTC, and a handler for notifications,
// which pgx would otherwise collect without limit. Pings and timeouts are the caller's. Of the options only
// [WithAcquireTimeout] applies.
func New(pool *pgxpool.Pool, opts ...Option) (*Driver, error) {
	cc := pool.Config().ConnConfig
	if err := check(cc); err != nil {
		return nil, err
	}
	for name, value := range pinned() {
		if !strings.EqualFold(preset(cc, name), value) {
			return nil, fmt.Errorf("%w: the pool must set %s to %s", ErrConfig, name, value)
		}
	}
	if cc.OnNotification == nil {
		return nil, fmt.Errorf("%w: the pool must handle notifications", ErrConfig)
	}
	return newDriver(pool, newConfig(opts)), nil
}

func newDriver(pool *pgxpool.Pool, c config) *Driver {
	t := newTimeouts(c.acquireTimeout)
	return &Driver{
		pool: pool, tenants: newTenantLimiter(pool.Config().MaxConns), conns: newConnLimiter(pool, t), timeouts: t,
	}
}

func newConfig(opts []Option) config {
	c := config{acquireTimeout: defaultAcquireTimeout, trips: &RoundTrips{}}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

func (c config) apply(pc *pgxpool.Config) error {
	if c.queryMode != "" {
		mode, ok := queryModes()[c.queryMode]
		if !ok {
			return fmt.Errorf("%w: query mode %q; use cache_statement, cache_describe or exec", ErrConfig, c.queryMode)
		}
		pc.ConnConfig.DefaultQueryExecMode = mode
	}
	if err := check(pc.ConnConfig); err != nil {
		return err
	}
	if c.maxConns > 0 {
		pc.MaxConns = c.maxConns
	}
	boundConnect(&pc.ConnConfig.Config)
	if pc.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		// Connections are direct, so a statement can be canceled on the server and its connection kept.
		pc.ConnConfig.BuildContextWatcherHandler = cancelOnServer
		pc.PrepareConn = useConn
	}
	pin(pc.ConnConfig)
	pc.ConnConfig.OnNotification = drop
	c.trips.watch(&pc.ConnConfig.Config)
	return nil
}

// boundConnect sets the default connect_timeout and applies it to the lookup of host names, which pgconn does not
// bound.
func boundConnect(config *pgconn.Config) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = defaultConnectTimeout
	}
	lookup, limit := config.LookupFunc, config.ConnectTimeout
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return lookup(ctx, host)
	}
}

// check refuses an unsupported query mode, a missing cache, and presets that isolation depends on.
func check(cc *pgx.ConnConfig) error {
	allowed := slices.Contains(slices.Collect(maps.Values(queryModes())), cc.DefaultQueryExecMode)
	switch {
	case !allowed:
		return fmt.Errorf("%w: query mode %q; use cache_statement, cache_describe or exec",
			ErrConfig, cc.DefaultQueryExecMode)
	case cc.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && cc.StatementCacheCapacity <= 0,
		cc.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe && cc.DescriptionCacheCapacity <= 0:
		return fmt.Errorf("%w: query mode %q needs a cache", ErrConfig, cc.DefaultQueryExecMode)
	}
	for name := range cc.RuntimeParams {
		switch name = strings.ToLower(name); {
		case name == "options", name == "role", name == "session_authorization", name == "row_security",
			name == "session_replication_role", strings.HasPrefix(name, "app."):
			return fmt.Errorf("%w: the connection string presets %q", ErrConfig, name)
		}
	}
	return nil
}

// pin sets the pinned parameters. The connection string may spell their names in any case.
func pin(cc *pgx.ConnConfig) {
	for name := range cc.RuntimeParams {
		if _, ours := pinned()[strings.ToLower(name)]; ours {
			delete(cc.RuntimeParams, name)
		}
	}
	maps.Copy(cc.RuntimeParams, pinned())
}

func preset(cc *pgx.ConnConfig, name string) string {
	for key, value := range cc.RuntimeParams {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// drop handles notifications, which pgx would otherwise keep.
func drop(*pgconn.PgConn, *pgconn.Notification) {}

func cancelOnServer(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTimeout}
}
