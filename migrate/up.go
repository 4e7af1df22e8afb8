package migrate

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// Options say what to migrate.
type Options struct {
	// URL is konstruct_owner's, or a superuser's, who then also bootstraps.
	URL string
	// Chains are applied one after the other: [Konstruct] alone where empty.
	Chains []Chain
	// Logger hears of every file. None: silence.
	Logger *slog.Logger
	// LockTimeout is how long a statement waits for a table that is in use before its file starts again: 3 s where zero.
	LockTimeout time.Duration
	// Operator is written beside each revision: the binary and its version.
	Operator string
}

const (
	defaultLockTimeout = 3 * time.Second
	defaultOperator    = "konstruct"
)

// Result is what [Up] did.
type Result struct {
	// Applied are the files that were applied now, in order.
	Applied []string
	// Current is how many were applied before.
	Current int
	// Warnings are bootstrap's, where it ran.
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
	if o.Operator == "" {
		o.Operator = defaultOperator
	}
	return o
}

// Up applies what is missing. It waits for another Up on the same database, applies each file in a transaction of its
// own, and stops at the first that fails, which leaves nothing behind: the next Up starts there again.
//
// As a superuser it runs [Bootstrap] and goes on as konstruct_owner. As konstruct_owner it finds that done, or returns an
// error that is a [NotBootstrappedError] and says what to run.
//
// Before it touches anything it holds files and database against each other: see [ErrChecksum], [ErrEdited],
// [ErrRemoved], [ErrOutOfOrder], [ErrNewer] and [ErrPartial].
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

// dialOwner opens a connection that acts as the owner, whoever logged in.
func dialOwner(ctx context.Context, url string) (*pgx.Conn, error) {
	conn, err := connect(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "SET ROLE "+rls.Quote(OwnerRole)); err != nil {
		closeConn(ctx, conn)
		return nil, fmt.Errorf("act as %s: %w", OwnerRole, err)
	}
	return conn, nil
}

// up applies chains to a scratch database as the plain owner. between runs after each file, observe within it.
func (s *scratch) up(
	ctx context.Context, chains []Chain, between func(context.Context, string) error, observe func(file, doctor.Snapshot, doctor.Snapshot),
) (Result, error) {
	o := Options{Chains: chains}.withDefaults()
	o.Chains = chains
	return (&runner{Options: o, dial: s.owner, between: between, observe: observe}).run(ctx)
}
