package sweep

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	// Every is how often the rows are swept.
	Every = time.Hour
	// jitter spreads the processes, which may have been started at once.
	jitter = 5 * time.Minute
	// claimed is how long no other process sweeps. It is less than Every, so that a process can claim the next sweep.
	claimed = 55 * time.Minute
	// batch is the number of rows that one statement deletes.
	batch = 5000
	// maxFailures is the number of failed tenants after which a sweep gives up: the database does not answer.
	maxFailures = 10
)

var errGaveUp = errors.New("too many tenants failed; the others were not swept")

// Options configures a [Sweeper].
type Options struct {
	DB    dialect.Driver
	Clock func() time.Time
	// Healthy fails while tenants are not isolated. Their rows are then not swept.
	Healthy func() error
	// Warn logs the error of a sweep.
	Warn func(ctx context.Context, err error)
}

// Stats are counted since the process started.
type Stats struct {
	// Deleted is the number of deleted rows by table.
	Deleted  map[string]int64
	Failures int64
	// LastSuccess is when this process last completed a sweep, or zero.
	LastSuccess time.Time
}

// Sweeper deletes rows by [Retention]. It is safe for concurrent use.
type Sweeper struct {
	Options

	client *ent.Client

	mu    sync.Mutex
	stats Stats
}

// New returns a sweeper.
func New(o Options) *Sweeper {
	return &Sweeper{Options: o, client: ent.NewClient(ent.Driver(o.DB)), stats: Stats{Deleted: map[string]int64{}}}
}

// Run sweeps at once and then every hour until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Warn(ctx, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(Every + rand.N(jitter)): //nolint:gosec // nothing depends on its secrecy
		}
	}
}

// Sweep deletes what has expired, unless a process did so in the last hour. An error of one class or tenant does not
// stop the others.
func (s *Sweeper) Sweep(ctx context.Context) error {
	mine, err := s.claim(ctx)
	if err == nil && mine {
		err = s.sweep(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.stats.Failures++
	case mine:
		s.stats.LastSuccess = s.Clock()
	}
	return err
}

// Stats returns the current counts.
func (s *Sweeper) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Deleted = make(map[string]int64, len(s.stats.Deleted))
	for _, class := range Retention() {
		stats.Deleted[class.Table] = s.stats.Deleted[class.Table]
	}
	return stats
}

// claimSweep makes this process the one that sweeps, if the last claim is old, or is in the future because the clock
// was set back.
const claimSweep = `
INSERT INTO platform_idempotency_keys AS k (id, created_at, scope, request_hash) VALUES ($1, $2, $3, $3)
ON CONFLICT (scope) DO UPDATE SET created_at = excluded.created_at
WHERE k.created_at <= $4 OR k.created_at > excluded.created_at`

// claim reports whether this process may sweep. The claim is a key like that of a request: it expires and is unique.
func (s *Sweeper) claim(ctx context.Context) (mine bool, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return false, err
	}
	scope, now := sha256.Sum256([]byte("konstruct sweep")), s.Clock()
	rows, err := pgtenant.Exec(ctx, s.DB, claimSweep, id, now, hex.EncodeToString(scope[:]), now.Add(-claimed))
	if err != nil {
		return false, fmt.Errorf("claim a sweep: %w", err)
	}
	return rows > 0, nil
}

func (s *Sweeper) sweep(ctx context.Context) error {
	var failures error
	var ofTenants []Class
	for _, class := range Retention() {
		if class.ofTenant {
			ofTenants = append(ofTenants, class)
			continue
		}
		failures = errors.Join(failures, s.expire(ctx, class, uuid.Nil))
	}
	if err := s.Healthy(); err != nil {
		return errors.Join(failures, err)
	}
	return errors.Join(failures, s.sweepTenants(ctx, ofTenants))
}

// sweepTenants sweeps each tenant under its own context.
func (s *Sweeper) sweepTenants(ctx context.Context, classes []Class) error {
	var failures []error
	err := operation.EachTenant(ctx, s.client, func(ctx context.Context) error {
		if err := s.sweepTenant(ctx, classes); err != nil {
			failures = append(failures, err)
		}
		if len(failures) == maxFailures {
			return errGaveUp
		}
		return nil
	}, tenant.StatusNEQ(tenant.StatusPurging))
	return errors.Join(append(failures, err)...)
}

func (s *Sweeper) sweepTenant(ctx context.Context, classes []Class) error {
	id, err := tenancy.From(ctx)
	if err != nil {
		return err
	}
	for _, class := range classes {
		if err := s.expire(ctx, class, id.UUID()); err != nil {
			return fmt.Errorf("tenant %s: %w", id, err)
		}
	}
	return nil
}

// expire deletes the expired rows of a class, in batches.
func (s *Sweeper) expire(ctx context.Context, class Class, tenantID uuid.UUID) error {
	for {
		rows, err := s.deleteBatch(ctx, class, tenantID)
		if err != nil {
			return fmt.Errorf("delete from %s: %w", class.Table, err)
		}
		s.mu.Lock()
		s.stats.Deleted[class.Table] += rows
		s.mu.Unlock()
		if rows < batch {
			return nil
		}
	}
}

func (s *Sweeper) deleteBatch(ctx context.Context, class Class, tenantID uuid.UUID) (rows int64, err error) {
	if class.function != "" {
		err = pgtenant.QueryRow(ctx, s.DB, class.function, batch).Scan(&rows)
		return rows, err
	}
	args := []any{s.Clock().Add(-class.kept()), batch}
	if class.ofTenant {
		args = append(args, tenantID)
	}
	return pgtenant.Exec(ctx, s.DB, class.statement, args...)
}
