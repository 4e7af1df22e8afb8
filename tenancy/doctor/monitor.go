package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrUnknown is returned, wrapped, while there is no valid proof of isolation: no check has completed yet, or the last
// one is older than [ProofLifetime].
var ErrUnknown = errors.New("tenant isolation is not known to hold")

// ProofLifetime bounds how long the last completed check stays valid while no further check can be completed.
const ProofLifetime = 5 * time.Minute

const (
	// checkTimeout bounds one check. A check takes milliseconds; the rest is for a connection and for locks.
	checkTimeout = 10 * time.Second
	// firstRetry is the delay after the first check that could not be completed. It doubles up to the interval.
	firstRetry = 250 * time.Millisecond
	// refusedRetry is the longest delay while tenant traffic is refused, so that a fix takes effect soon.
	refusedRetry = 5 * time.Second
)

// Monitor repeats a check and keeps its last result. A finding counts immediately. If a check could not be completed,
// the last result stays valid for up to [ProofLifetime]. It is safe for concurrent use. Create it with [NewMonitor].
type Monitor struct {
	check    func(context.Context) (Report, error)
	interval time.Duration
	logger   *slog.Logger

	mu       sync.Mutex
	checked  time.Time     // end of the last completed check, zero before the first
	unsafe   error         // its finding
	findings map[Level]int // its findings
	failed   error         // why the latest check could not be completed
	failures int           // consecutive checks that could not be completed
	logged   string
}

// NewMonitor returns a monitor that runs check once per interval and logs changes of the result.
func NewMonitor(check func(context.Context) (Report, error), interval time.Duration, logger *slog.Logger) *Monitor {
	return &Monitor{check: check, interval: interval, logger: logger}
}

// Run checks immediately and then once per interval until ctx is done, and returns ctx's error. It retries a check that
// could not be completed after 250 ms, and doubles the delay up to the interval, or up to 5 seconds while
// [Monitor.Healthy] returns an error.
func (m *Monitor) Run(ctx context.Context) error {
	for {
		_, _ = m.Check(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(m.delay()):
		}
	}
}

// Check runs one check, for at most 10 seconds, and keeps its result for [Monitor.Healthy]. The error is set if the
// check could not be completed. Findings are in the report.
func (m *Monitor) Check(ctx context.Context) (Report, error) {
	bounded, cancel := context.WithTimeout(ctx, min(m.interval, checkTimeout))
	defer cancel()
	report, err := m.check(bounded)
	if err != nil && ctx.Err() != nil {
		// The caller is stopping, which says nothing about the database.
		return report, err
	}
	m.keep(ctx, report, err)
	return report, err
}

func (m *Monitor) keep(ctx context.Context, report Report, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = err
	if err != nil {
		m.failures++
	} else {
		m.checked, m.unsafe, m.failures = time.Now(), report.Err(), 0
		m.findings = map[Level]int{}
		for _, level := range levels() {
			m.findings[level] = report.Count(level)
		}
	}
	m.log(ctx, report)
}

func (m *Monitor) delay() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := m.interval
	if m.healthy() != nil {
		limit = min(limit, refusedRetry)
	}
	if m.failures == 0 {
		return limit
	}
	delay := firstRetry
	for n := 1; n < m.failures && delay < limit; n++ {
		delay *= 2
	}
	return min(delay, limit)
}

// Healthy returns nil while the last completed check found no error and is at most [ProofLifetime] old. It returns an
// error that wraps [ErrUnsafe] from a check that found an error until one that finds none, however old it is, and one
// that wraps [ErrUnknown] otherwise. Tenant traffic must be refused in both cases.
func (m *Monitor) Healthy() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.healthy()
}

func (m *Monitor) healthy() error {
	switch {
	case m.unsafe != nil:
		return m.unsafe
	case !m.checked.IsZero() && time.Since(m.checked) <= ProofLifetime:
		return nil
	case m.failed != nil:
		return fmt.Errorf("%w: %w", ErrUnknown, m.failed)
	case m.checked.IsZero():
		return fmt.Errorf("%w: not checked yet", ErrUnknown)
	default:
		return fmt.Errorf("%w: last checked at %s", ErrUnknown, m.checked.UTC().Format(time.RFC3339))
	}
}

// Age returns the time since the last completed check. It returns false before the first one.
func (m *Monitor) Age() (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checked.IsZero() {
		return 0, false
	}
	return time.Since(m.checked), true
}

// Findings returns how many findings the last completed check had, by level. It is empty before the first one.
func (m *Monitor) Findings() map[Level]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.findings // never changed, only replaced
}

// log logs a result that differs from the previous one.
func (m *Monitor) log(ctx context.Context, report Report) {
	now := fmt.Sprint(report.Findings)
	if m.failed != nil {
		now = fmt.Sprint("failed: ", kindOf(m.failed), m.healthy() != nil)
	}
	if now == m.logged {
		return
	}
	m.logged = now
	if m.failed != nil {
		m.logFailure(ctx)
		return
	}
	for _, f := range report.Findings {
		m.logger.Log(ctx, f.Level.slog(), "isolation finding", "code", f.Code, "object", f.Object, "risk", f.Risk)
	}
	switch {
	case report.NotMigrated():
		m.logger.ErrorContext(ctx, "the database is not migrated, tenant traffic is refused")
	case report.Err() != nil:
		m.logger.ErrorContext(ctx, "tenant isolation does not hold, tenant traffic is refused",
			"errors", report.Count(LevelError))
	default:
		m.logger.InfoContext(ctx, "tenant isolation holds", "warnings", report.Count(LevelWarning))
	}
}

func (m *Monitor) logFailure(ctx context.Context) {
	if m.healthy() != nil {
		m.logger.ErrorContext(ctx, "isolation could not be checked, tenant traffic is refused", "error", m.failed)
		return
	}
	m.logger.WarnContext(ctx, "isolation could not be checked, the last result remains in force",
		"error", m.failed, "age", time.Since(m.checked).Round(time.Second).String())
}

// kindOf returns the kind of an error without details that change between attempts, such as ports.
func kindOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return "other"
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
