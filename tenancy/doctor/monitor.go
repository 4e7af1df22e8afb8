package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrUnknown is returned, wrapped, when nobody knows whether isolation holds: no check could be run, or none lately.
var ErrUnknown = errors.New("whether tenant isolation holds is not known")

const (
	// retriesPerInterval is how much sooner than usual a check is repeated that could not be run.
	retriesPerInterval = 12
	// staleAfter is after how many intervals without a result the last one counts no longer.
	staleAfter = 3
)

// Monitor repeats a check, and knows its last result. It is safe for concurrent use. Make it with [NewMonitor].
type Monitor struct {
	check    func(context.Context) (Report, error)
	interval time.Duration
	logger   *slog.Logger

	mu      sync.Mutex
	checked time.Time
	unsafe  error
	failed  error
	said    string
}

// NewMonitor makes a monitor of a check that is to run once an interval, and may take that long. It logs what changes:
// codes and objects, never values.
func NewMonitor(check func(context.Context) (Report, error), interval time.Duration, logger *slog.Logger) *Monitor {
	return &Monitor{check: check, interval: interval, logger: logger}
}

// Run checks at once and then once an interval, until ctx ends; it returns ctx's error. What could not be checked is
// tried again sooner.
func (m *Monitor) Run(ctx context.Context) error {
	for {
		wait := m.interval
		if _, err := m.Check(ctx); err != nil {
			wait /= retriesPerInterval
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Check runs one check and keeps its result for [Monitor.Healthy]. Its error means that the check could not be run.
func (m *Monitor) Check(ctx context.Context) (Report, error) {
	bounded, cancel := context.WithTimeout(ctx, m.interval)
	defer cancel()
	report, err := m.check(bounded)
	if err != nil && ctx.Err() != nil {
		// The server is stopping, which says nothing about the database.
		return report, err
	}
	m.keep(ctx, report, err)
	return report, err
}

func (m *Monitor) keep(ctx context.Context, report Report, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = err
	if err == nil {
		m.checked, m.unsafe = time.Now(), report.Err()
	}
	m.tell(ctx, report)
}

// Healthy is nil when the last check ran, lately, and found no error. Otherwise it wraps [ErrUnsafe] when rows may
// cross, and stays so while no further check can be run, or [ErrUnknown] when nobody knows. Tenant traffic is to be
// refused in both cases; only the first is about the database's protection.
func (m *Monitor) Healthy() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.unsafe != nil:
		return m.unsafe
	case m.failed != nil:
		return fmt.Errorf("%w: %w", ErrUnknown, m.failed)
	case m.checked.IsZero():
		return fmt.Errorf("%w: not checked yet", ErrUnknown)
	case time.Since(m.checked) > staleAfter*m.interval:
		return fmt.Errorf("%w: last checked at %s", ErrUnknown, m.checked.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// tell logs a result that differs from the one before.
func (m *Monitor) tell(ctx context.Context, report Report) {
	now := fmt.Sprint(m.failed != nil, report.Findings)
	if now == m.said {
		return
	}
	m.said = now
	if m.failed != nil {
		m.logger.ErrorContext(ctx, "isolation could not be checked", "error", m.failed)
		return
	}
	for _, f := range report.Findings {
		m.logger.Log(ctx, f.Level.slog(), "isolation finding", "code", f.Code, "object", f.Object, "risk", f.Risk)
	}
	if report.Err() == nil {
		m.logger.InfoContext(ctx, "isolation holds", "warnings", report.Count(LevelWarning))
	}
}

func (l Level) slog() slog.Level {
	switch l {
	case LevelError:
		return slog.LevelError
	case LevelWarning:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
