package migrate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// Options configure [Up] and [Status].
type Options struct {
	// URL of konstruct_owner, or of a superuser, with which Up also bootstraps.
	URL string
	// Chains are applied in order. Default: [Konstruct] alone.
	Chains []Chain
	// Logger receives one entry per file. Default: none.
	Logger *slog.Logger
	// LockTimeout is how long a statement waits for a lock before its file is retried. Default: 3 s.
	LockTimeout time.Duration
	// Operator is stored with each revision: the binary and its version.
	Operator string
}

const defaultLockTimeout = 3 * time.Second

// Result is the outcome of [Up].
type Result struct {
	// Applied lists the files of this run, in order.
	Applied []string
	// Current is the number of files applied before.
	Current int
	// Warnings are those of [Bootstrap], if it ran.
	Warnings []string
}

func (o Options) withDefaults() Options {
	if len(o.Chains) == 0 {
		o.Chains = []Chain{Konstruct()}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LockTimeout <= 0 {
		o.LockTimeout = defaultLockTimeout
	}
	o.Operator = cmp.Or(o.Operator, "konstruct")
	return o
}

// Up applies the pending files. It waits for a concurrent Up on the same database, applies each file in its own
// transaction, and stops at the first that fails, which is rolled back: the next Up continues there.
//
// As a superuser it runs [Bootstrap] and continues as konstruct_owner. As konstruct_owner it returns a
// [NotBootstrappedError] if the bootstrap is missing.
//
// It first compares files and database: see [ErrChecksum], [ErrEdited], [ErrRemoved], [ErrOutOfOrder], [ErrNewer] and
// [ErrPartial].
func Up(ctx context.Context, o Options) (Result, error) {
	o = o.withDefaults()
	super, err := identify(ctx, o.URL)
	if err != nil {
		return Result{}, err
	}
	var warnings []string
	if super {
		if warnings, err = Bootstrap(ctx, o.URL, Passwords{}); err != nil {
			return Result{}, err
		}
		for _, w := range warnings {
			o.Logger.WarnContext(ctx, "bootstrap had no effect on this server", "finding", w)
		}
	}
	r := &runner{Options: o, dial: func(ctx context.Context) (*pgx.Conn, error) { return dialOwner(ctx, o.URL) }}
	result, err := r.run(ctx)
	result.Warnings = warnings
	return result, err
}

// dialOwner opens a connection and sets the owner role.
func dialOwner(ctx context.Context, url string) (*pgx.Conn, error) {
	conn, err := connect(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "SET ROLE "+rls.Quote(OwnerRole)); err != nil {
		closeConn(ctx, conn)
		return nil, fmt.Errorf("set role %s: %w", OwnerRole, err)
	}
	return conn, nil
}

// up applies chains to a scratch database as the owner role. between runs after each file, observe in its transaction.
func (s *scratch) up(
	ctx context.Context, chains []Chain,
	between func(context.Context) error, observe func(f file, before, after doctor.Snapshot),
) error {
	dial := func(ctx context.Context) (*pgx.Conn, error) { return s.as(ctx, OwnerRole) }
	r := &runner{Options: Options{Chains: chains}.withDefaults(), dial: dial, between: between, observe: observe}
	_, err := r.run(ctx)
	return err
}
