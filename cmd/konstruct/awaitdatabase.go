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
	// startTimeout bounds how long a starting server waits for a database that doesn't answer yet.
	startTimeout = 20 * time.Second
	// startAttempt bounds one attempt, startPause separates two.
	startAttempt = 5 * time.Second
	startPause   = 500 * time.Millisecond
	// startNotice is how long an attempt may take before the log says what is waited for.
	startNotice = time.Second
)

// awaitDatabase waits for a database that accepts connections but doesn't answer, is still starting up, or has no
// connection to spare, and says so in the log. Any other failure is returned at once.
func (c *checks) awaitDatabase(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errStartTimeout)
	defer cancel()
	var last error
	for {
		notice := time.AfterFunc(startNotice, func() { waitingFor(ctx, log, last) })
		attempt, stop := context.WithTimeout(ctx, startAttempt)
		err := ping(attempt, c.probe)
		stop()
		notice.Stop()
		if err == nil || !passes(err) {
			return err
		}
		last = err
		waitingFor(ctx, log, last)
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

func waitingFor(ctx context.Context, log *slog.Logger, cause error) {
	text := "no answer yet"
	if cause != nil {
		text = cause.Error()
	}
	log.WarnContext(ctx, "waiting for PostgreSQL", "cause", text, "at_most", startTimeout.String())
}

// passes holds for failures of a server that is there and may be ready in a moment.
func passes(err error) bool {
	if failed, ok := errors.AsType[*pgtenant.ConnectError](err); ok {
		return failed.Cause == pgtenant.CauseTimeout || failed.Cause == pgtenant.CauseLimit || failed.Cause == pgtenant.CauseStarting
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pgtenant.ErrPoolBusy)
}

// requireCurrentSchema refuses a database whose schema is not this binary's yet: what the doctor would say about it, that
// objects are missing, is beside the point.
func (c *checks) requireCurrentSchema(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := c.askMigrations(ctx); err != nil {
		return fmt.Errorf("asking for migrations: %w", err)
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
