package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	startTimeout = 20 * time.Second       // for a database that is not available yet
	startAttempt = 5 * time.Second        // for one attempt
	startPause   = 500 * time.Millisecond // between attempts
	startNotice  = time.Second            // until a pending attempt is logged
)

// awaitDatabase waits while the database does not respond, is starting up, or has no free connection slot.
func (c *checks) awaitDatabase(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errStartTimeout)
	defer cancel()
	var last error
	for {
		notice := time.AfterFunc(startNotice, func() { logWaiting(ctx, log, last) })
		attempt, stop := context.WithTimeout(ctx, startAttempt)
		err := ping(attempt, c.probe)
		stop()
		notice.Stop()
		if err == nil || !isTransient(err) {
			return err
		}
		last = err
		logWaiting(ctx, log, last)
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, errStartTimeout) {
				return fmt.Errorf("stopped while waiting for PostgreSQL (%w): %w", cause, last)
			}
			return fmt.Errorf("PostgreSQL (DATABASE_URL) did not become available within %s: %w", startTimeout, last)
		case <-time.After(startPause):
		}
	}
}

var errStartTimeout = errors.New("start timeout")

func logWaiting(ctx context.Context, log *slog.Logger, cause error) {
	text := "no response yet"
	if cause != nil {
		text = cause.Error()
	}
	log.WarnContext(ctx, "waiting for PostgreSQL", "cause", text, "at_most", startTimeout.String())
}

// isTransient reports whether the server may become available soon.
func isTransient(err error) bool {
	if failed, ok := errors.AsType[*pgtenant.ConnectError](err); ok {
		return failed.Cause == pgtenant.CauseTimeout || failed.Cause == pgtenant.CauseLimit ||
			failed.Cause == pgtenant.CauseStarting
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pgtenant.ErrPoolBusy)
}

// requireCurrentSchema refuses pending migrations, before the doctor would report missing objects.
func (c *checks) requireCurrentSchema(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationsTimeout)
	defer cancel()
	if err := c.checkMigrations(ctx); err != nil {
		return fmt.Errorf("check migrations: %w", err)
	}
	pending := c.migrations.Load().pending
	if pending == nil {
		return nil
	}
	if has, err := hasSchema(ctx, c.probe); err == nil && !has {
		pending = errNoSchema
	}
	return migrateFirst(pending)
}
