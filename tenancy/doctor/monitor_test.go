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

var errAway = errors.New("the database is away")

func clean() doctor.Report { return doctor.Report{} }

func leaking() doctor.Report {
	return doctor.Report{Findings: []doctor.Finding{{Code: "rls.disabled", Level: doctor.LevelError, Object: "table public.agents"}}}
}

// patient is a check whose answer the test can change.
type patient struct {
	mu     sync.Mutex
	report doctor.Report
	err    error
	hangs  bool
	runs   int
}

func (p *patient) check(ctx context.Context) (doctor.Report, error) {
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

func (p *patient) becomes(report doctor.Report, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report, p.err = report, err
}

func (p *patient) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs = true
}

func (p *patient) checked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

// watched runs a monitor of one minute in a bubble with its own clock.
func watched(t *testing.T, p *patient, test func(m *doctor.Monitor, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := doctor.NewMonitor(p.check, time.Minute, slog.New(slog.NewTextHandler(&log, nil)))
		require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown, "before the first check nobody knows")
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
		p := &patient{report: clean()}
		watched(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			require.NoError(t, m.Healthy())
			p.becomes(leaking(), nil)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
			require.NotErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorContains(t, m.Healthy(), "rls.disabled (table public.agents)")
			p.becomes(clean(), nil)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.NoError(t, m.Healthy())
		})
	})

	t.Run("a check that can't be run is unknown, and tried again sooner", func(t *testing.T) {
		t.Parallel()
		p := &patient{err: errAway}
		watched(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorIs(t, m.Healthy(), errAway)
			require.NotErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
			p.becomes(clean(), nil)
			time.Sleep(5 * time.Second)
			synctest.Wait()
			require.NoError(t, m.Healthy())
			require.Equal(t, 2, p.checked())
		})
	})

	t.Run("unsafe stays unsafe while the database is away", func(t *testing.T) {
		t.Parallel()
		p := &patient{report: leaking()}
		watched(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			p.becomes(doctor.Report{}, errAway)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnsafe)
		})
	})

	t.Run("a check that hangs is unknown", func(t *testing.T) {
		t.Parallel()
		p := &patient{report: clean()}
		watched(t, p, func(m *doctor.Monitor, _ *bytes.Buffer) {
			p.hang()
			time.Sleep(2*time.Minute + time.Second)
			synctest.Wait()
			require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
			require.ErrorIs(t, m.Healthy(), context.DeadlineExceeded)
		})
	})

	t.Run("what changes is logged, once", func(t *testing.T) {
		t.Parallel()
		p := &patient{report: leaking()}
		watched(t, p, func(_ *doctor.Monitor, log *bytes.Buffer) {
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			require.Equal(t, 11, p.checked())
			require.Equal(t, 1, strings.Count(log.String(), "rls.disabled"))
			require.Contains(t, log.String(), "level=ERROR")
		})
	})
}

// A result that nobody has renewed is no result.
func TestAnOldResultIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &patient{report: clean()}
		m := doctor.NewMonitor(p.check, time.Minute, slog.New(slog.DiscardHandler))
		_, err := m.Check(t.Context())
		require.NoError(t, err)
		require.NoError(t, m.Healthy())
		time.Sleep(3*time.Minute + time.Second)
		require.ErrorIs(t, m.Healthy(), doctor.ErrUnknown)
	})
}

// Stopping the server ends a check midway; that must not read as the database's fault.
func TestAStoppedCheckChangesNothing(t *testing.T) {
	t.Parallel()
	p := &patient{report: clean()}
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
