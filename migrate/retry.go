package migrate

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Concurrent runs that alter the same roles or create the same tables collide.
const (
	collisionAttempts = 12
	collisionPause    = 10 * time.Millisecond
)

// retry repeats fn while its error is transient, with growing pauses and jitter, so that colliding runs do not collide
// again.
func retry(ctx context.Context, attempts int, pause time.Duration, transient func(error) bool, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || attempt == attempts || !transient(err) {
			return err
		}
		d := time.Duration(attempt) * pause
		select {
		case <-time.After(d + rand.N(d)): //nolint:gosec // jitter
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// collided reports whether a statement lost a race against the same one. PostgreSQL reports "tuple concurrently
// updated" as an internal error.
func collided(err error) bool {
	return hasCode(err,
		"XX000", // internal_error
		"23505", // unique_violation, in a system catalog
		"42710", // duplicate_object
		"40P01") // deadlock_detected
}

// hasCode reports whether PostgreSQL returned err with one of the SQLSTATE codes.
func hasCode(err error, codes ...string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains(codes, pgErr.Code)
}
