package pgtenant

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	defaultAcquireTimeout = 5 * time.Second
	// defaultConnectTimeout bounds the opening of a connection, for each host and address, unless the connection string
	// has a connect_timeout. It is shorter than the acquire timeout, so that a server that does not answer is named.
	defaultConnectTimeout = 3 * time.Second
	// cancelPatience is how long a statement that was asked to cancel may take before its connection is cut.
	cancelPatience = 2 * time.Second
)

// queryModes are pgx's query modes that one batch can carry a setting in. The simple protocol could run several
// statements in one string, and describe_exec costs a trip more for nothing.
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
	trips          *Trips
}

// Option changes how [Open] and [New] make a driver.
type Option func(*config)

// WithMaxConns bounds the pool. The default is pgxpool's; 2 to 4 connections per core of the database are best. One
// tenant gets at most half of this number, also while the server grants fewer.
func WithMaxConns(n int32) Option { return func(c *config) { c.maxConns = n } }

// WithQueryMode chooses pgx's query mode: "cache_statement" (the default, for direct connections only), or
// "cache_describe" or "exec" behind a pooler, also behind one that tracks prepared statements. Others are an [ErrConfig], and
// so is each statement in the mode "cache_statement" behind a pooler that invents process ids for its clients, as PgBouncer does.
func WithQueryMode(mode string) Option { return func(c *config) { c.queryMode = mode } }

// WithAcquireTimeout bounds the wait for a connection. The default is 5 s; then it is [ErrPoolBusy].
func WithAcquireTimeout(d time.Duration) Option { return func(c *config) { c.acquireTimeout = d } }

// WithTrips counts the round trips of every connection that [Open] makes in t.
func WithTrips(t *Trips) Option { return func(c *config) { c.trips = t } }

// Open connects a driver to the database that dsn names (a URL or a keyword/value string). No connection is made yet.
// A dsn that would preset something isolation depends on is an [ErrConfig]. No error repeats the dsn.
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
	d.resets = pc.PrepareConn != nil // behind a pooler, the next statement may get another session
	return d, nil
}

// New makes a driver of a pool that is configured already. What [Open] sets and checks is checked here: the query mode and
// its cache, no preset of what isolation depends on, the parameters client_encoding=UTF8 and timezone=UTC, and a handler for
// notifications (pgx would collect them without bound). A pool without them is an [ErrConfig]. Its other settings are the
// caller's, those of pings and time-outs among them, and of the options only [WithAcquireTimeout] has a meaning.
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
	return &Driver{pool: pool, shares: newShares(pool.Config().MaxConns), slots: newSlots(pool, t), timeouts: t}
}

func newConfig(opts []Option) config {
	c := config{acquireTimeout: defaultAcquireTimeout, trips: &Trips{}}
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
		// A direct connection: a cancelled statement is cancelled on the server, and its connection kept.
		pc.ConnConfig.BuildContextWatcherHandler = cancelOnServer
		pc.PrepareConn = useConn
	}
	pin(pc.ConnConfig)
	pc.ConnConfig.OnNotification = drop
	c.trips.watch(&pc.ConnConfig.Config)
	return nil
}

// boundConnect gives a configuration without connect_timeout one of 3 s, and has host names looked up within it: pgconn's
// own bound begins after that.
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

// check refuses what would undermine the driver: a query mode that can't carry the setting, or has no cache, and presets that
// every connection would begin with.
func check(cc *pgx.ConnConfig) error {
	allowed := false
	for _, mode := range queryModes() {
		allowed = allowed || mode == cc.DefaultQueryExecMode
	}
	switch {
	case !allowed:
		return fmt.Errorf("%w: query mode %q; use cache_statement, cache_describe or exec", ErrConfig, cc.DefaultQueryExecMode)
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

// pin sets the parameters that the connection string can't choose, in whatever case it spells their names.
func pin(cc *pgx.ConnConfig) {
	for name := range cc.RuntimeParams {
		if _, ours := pinned()[strings.ToLower(name)]; ours {
			delete(cc.RuntimeParams, name)
		}
	}
	maps.Copy(cc.RuntimeParams, pinned())
}

// preset returns the parameter that every connection begins with, or "".
func preset(cc *pgx.ConnConfig, name string) string {
	for key, value := range cc.RuntimeParams {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// drop is the handler of notifications. Nothing here listens, and what a statement listens to would pile up in memory.
func drop(*pgconn.PgConn, *pgconn.Notification) {}

func cancelOnServer(conn *pgconn.PgConn) ctxwatch.Handler {
	return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}
}

// dialer is what a pgconn.Config dials with.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)
