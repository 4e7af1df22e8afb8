package doctor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

var errAway = errors.New("connection refused")

func clean() doctor.Report { return doctor.Report{} }

func leaking() doctor.Report {
	return doctor.Report{Findings: []doctor.Finding{{Code: "rls.disabled", Level: doctor.LevelError, Object: "table public.agents"}}}
}

// fakeCheck is a check with a configurable result.
type fakeCheck struct {
	mu     sync.Mutex
	report doctor.Report
	err    error
	hangs  bool
	runs   int
}

func (p *fakeCheck) check(ctx context.Context) (doctor.Report, error) {
	p.mu.Lock()
	p.runs++
	report, err, hangs := p.report, p.err, p.hangs
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return doctor.Report{}, ctx.Err()
	}
	return report, err
}

func (p *fakeCheck) set(report doctor.Report, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report, p.err = report, err
}

func (p *fakeCheck) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs = true
}

// after advances the clock and waits until all goroutines block.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (p *fakeCheck) checked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

// runMonitor runs a monitor with an interval of one minute in a synctest bubble.
func runMonitor(t *testing.T, p *fakeCheck, test func(m *doctor.Monitor, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := doctor.NewMonitor(p.check, time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
		require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown, "before the first check")
		_, checked := m.Age()
		require.False(t, checked)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- m.Run(ctx) }()
		synctest.Wait()
		test(m, &log)
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestMonitor(t *testing.T) {
	t.Parallel()

	t.Run("healthy, unsafe, healthy again", func(t *testing.T) {
		t.Parallel()
		p := &fakeCheck{report: clean()}
		runMonitor(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			require.NoError(t, m.Healthy())
			p.set(leaking(), nil)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
			require.NotErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorContains(t, m.Healthy(), "rls.disabled (table public.agents)")
			p.set(clean(), nil)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.NoError(t, m.Healthy(), "a fix takes effect within seconds")
		})
	})

	t.Run("before the first result a failing check is unknown, and repeated with back-off", func(t *testing.T) {
		t.Parallel()
		p := &fakeCheck{err: errAway}
		runMonitor(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorIs(t, m.Healthy(), errAway)
			require.NotErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
			for runs, wait := range []time.Duration{
				250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second,
			} {
				after(wait - time.Millisecond)
				require.Equal(t, runs+1, p.checked())
				after(time.Millisecond)
				require.Equal(t, runs+2, p.checked())
			}
			p.set(clean(), nil)
			after(5 * time.Second)
			require.NoError(t, m.Healthy())
		})
	})

	t.Run("a failing check keeps the last result for five minutes", func(t *testing.T) {
		t.Parallel()
		p := &fakeCheck{report: clean()}
		runMonitor(t, p, func(m *doctor.Monitor, log *bytes.Buffer) {
			p.set(doctor.Report{}, errAway)
			after(5 * time.Minute)
			require.NoError(t, m.Healthy())
			age, checked := m.Age()
			require.True(t, checked)
			require.Equal(t, 5*time.Minute, age)
			// 1 min, then 250 ms to 32 s, then the interval.
			require.Equal(t, 1+1+8+2, p.checked())

			after(time.Millisecond)
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorIs(t, m.Healthy(), errAway)
			require.NotErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
			after(time.Minute)
			require.Equal(t, 1, strings.Count(log.String(), "the last result remains in force"))
			require.Equal(t, 1, strings.Count(log.String(), "isolation could not be checked, tenant traffic is refused"))
			require.NotContains(t, log.String(), "does not hold")

			p.set(clean(), nil)
			after(5 * time.Second)
			require.NoError(t, m.Healthy())
		})
	})

	t.Run("a finding counts immediately, and while the database is unreachable", func(t *testing.T) {
		t.Parallel()
		p := &fakeCheck{report: clean()}
		runMonitor(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			p.set(leaking(), nil)
			after(time.Minute)
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
			p.set(doctor.Report{}, errAway)
			after(10 * time.Minute)
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
		})
	})

	t.Run("a check that blocks ends at its deadline", func(t *testing.T) {
		t.Parallel()
		p := &fakeCheck{report: clean()}
		runMonitor(t, p, func(m *doctor.Monitor, log *bytes.Buffer) {
			p.hang()
			after(time.Minute + 10*time.Second)
			require.NoError(t, m.Healthy(), "the last result remains in force")
			require.Contains(t, log.String(), "context deadline exceeded")
			after(4 * time.Minute)
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorIs(t, m.Healthy(), context.DeadlineExceeded)
		})
	})

	t.Run("changes are logged once", func(t *testing.T) {
		t.Parallel()
		p := &fakeCheck{report: leaking()}
		runMonitor(t, p, func(_ *doctor.Monitor, log *bytes.Buffer) {
			after(time.Minute)
			require.Equal(t, 13, p.checked())
			require.Equal(t, 1, strings.Count(log.String(), "code=rls.disabled"))
			require.Equal(t, 1, strings.Count(log.String(), "tenant isolation does not hold"))
			require.Contains(t, log.String(), "level=ERROR")
			p.set(clean(), nil)
			after(10 * time.Minute)
			require.Equal(t, 1, strings.Count(log.String(), "tenant isolation holds"))
		})
	})
}

func TestEmptyDatabaseIsLogged(t *testing.T) {
	t.Parallel()
	p := &fakeCheck{report: doctor.Report{Findings: []doctor.Finding{
		{Code: "database.not-migrated", Level: doctor.LevelError, Object: "database konstruct"},
	}}}
	var log bytes.Buffer
	m := doctor.NewMonitor(p.check, time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
	_, err := m.Check(t.Context())
	require.NoError(t, err)
	require.ErrorIs(t, m.Healthy(), doctor.ErrNotMigrated)
	require.ErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
	require.Contains(t, log.String(), "the database is not migrated")
	require.NotContains(t, log.String(), "does not hold")
}

func TestResultsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeCheck{report: clean()}
		m := doctor.NewMonitor(p.check, time.Minute, slog.New(slog.DiscardHandler))
		_, err := m.Check(t.Context())
		require.NoError(t, err)
		after(5 * time.Minute)
		require.NoError(t, m.Healthy())
		after(time.Millisecond)
		require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
	})
}

// A check that the server's stop interrupts is not a failed check.
func TestInterruptedCheckIsIgnored(t *testing.T) {
	t.Parallel()
	p := &fakeCheck{report: clean()}
	m := doctor.NewMonitor(p.check, time.Minute, slog.New(slog.DiscardHandler))
	_, err := m.Check(t.Context())
	require.NoError(t, err)

	p.hang()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = m.Check(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, m.Healthy())
}
