package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func quietReadiness(clock func() time.Time, checks ...Check) *readiness {
	return newReadiness(newRepeats(slog.New(slog.DiscardHandler), time.Hour), clock, checks)
}

func failed(context.Context) error { return errors.New("broken") }

func passed(context.Context) error { return nil }

func TestReadinessLevels(t *testing.T) {
	t.Parallel()
	required := func(run func(context.Context) error) Check { return Check{Name: "required", Required: true, Run: run} }
	degrades := func(run func(context.Context) error) Check { return Check{Name: "degrades", Degrades: true, Run: run} }
	reported := func(run func(context.Context) error) Check { return Check{Name: "reported", Run: run} }
	for name, tt := range map[string]struct {
		checks []Check
		want   string
	}{
		"no check":       {nil, statusReady},
		"all pass":       {[]Check{required(passed), degrades(passed), reported(passed)}, statusReady},
		"reported fails": {[]Check{required(passed), degrades(passed), reported(failed)}, statusReady},
		"degrades fails": {[]Check{required(passed), degrades(failed), reported(failed)}, statusDegraded},
		"required fails": {[]Check{required(failed), degrades(failed), reported(failed)}, statusNotReady},
		"required last":  {[]Check{degrades(failed), required(failed)}, statusNotReady},
		"required first": {[]Check{required(failed), degrades(passed)}, statusNotReady},
	} {
		view := quietReadiness(time.Now, tt.checks...).now(t.Context())
		require.Equal(t, tt.want, view.Status, name)
		require.Len(t, view.Checks, len(tt.checks))
	}
}

// TestChecksAreIndependent: a check that ignores its context does not affect the others.
func TestChecksAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		unblock := sync.OnceFunc(func() { close(release) })
		defer unblock()
		var starts atomic.Int64
		r := quietReadiness(time.Now,
			Check{Name: "hangs", Required: true, Run: func(context.Context) error { starts.Add(1); <-release; return nil }},
			Check{Name: "waits", Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			Check{Name: "passes late", Required: true, Run: func(ctx context.Context) error { <-ctx.Done(); return nil }},
			Check{Name: "well", Required: true, Run: passed},
		)
		states := func() map[string]string {
			begin := time.Now()
			states := map[string]string{}
			for _, check := range r.now(t.Context()).Checks {
				states[check.Name] = check.Status
			}
			require.LessOrEqual(t, time.Since(begin), checkTimeout+checkGrace)
			return states
		}
		want := map[string]string{"hangs": "failing", "waits": "failing", "passes late": "ok", "well": "ok"}
		require.Equal(t, want, states())
		time.Sleep(readyFor)
		require.Equal(t, want, states())
		require.Equal(t, int64(1), starts.Load(), "a check that has not returned is not started again")
		unblock()
		time.Sleep(readyFor)
		want["hangs"] = "ok"
		require.Equal(t, want, states())
	})
}

func TestDrainingDoesNotWaitForChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := quietReadiness(time.Now, Check{Name: "slow", Run: func(ctx context.Context) error { <-ctx.Done(); return nil }})
		done := make(chan struct{})
		go func() { r.now(t.Context()); close(done) }()
		synctest.Wait()
		begin := time.Now()
		r.drain()
		require.Equal(t, statusNotReady, r.now(t.Context()).Status)
		require.Zero(t, time.Since(begin))
		<-done
	})
}

// TestReadinessIsCached: for a second at most, also if the clock is set back.
func TestReadinessIsCached(t *testing.T) {
	t.Parallel()
	now, runs := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC), 0
	r := quietReadiness(func() time.Time { return now }, Check{Name: "counts", Run: func(context.Context) error { runs++; return nil }})
	for i, step := range []struct {
		pass time.Duration
		runs int
	}{
		{0, 1}, {readyFor - 1, 1}, {1, 2}, {-time.Hour, 3}, {readyFor / 2, 3}, {24 * time.Hour, 4}, {-24 * time.Hour, 5}, {readyFor, 6},
	} {
		now = now.Add(step.pass)
		r.now(t.Context())
		require.Equal(t, step.runs, runs, i)
	}
}

// lockedLog is safe for concurrent use.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return slices.Collect(strings.Lines(l.text.String()))
}

func TestRepeatedFailuresAreSummarized(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log lockedLog
		r := newRepeats(slog.New(slog.NewTextHandler(&log, nil)), firstSummary)
		add := func(kind string) {
			r.add(t.Context(), failureLine{
				kind: kind, level: slog.LevelWarn, msg: "failed",
				attrs: []slog.Attr{slog.String("kind", kind)}, each: []slog.Attr{slog.String("only", "first")},
			})
		}
		for range 1000 {
			add("a")
		}
		add("b")
		lines := log.take()
		require.Len(t, lines, 2, "the first of each kind")
		require.Contains(t, lines[0], "kind=a only=first")

		time.Sleep(firstSummary)
		synctest.Wait()
		lines = log.take()
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], "kind=a repeated=999")

		for range 60 { // a minute, once a second
			time.Sleep(time.Second)
			add("a")
		}
		synctest.Wait()
		require.Len(t, log.take(), 1, "then once a minute")

		time.Sleep(10 * time.Minute)
		synctest.Wait()
		log.take()
		r.mu.Lock()
		require.Empty(t, r.kinds, "quiet kinds are forgotten")
		r.mu.Unlock()
		add("a")
		require.Len(t, log.take(), 1, "logged again at once")
		add("a")
		r.flush()
		require.Contains(t, log.take()[0], "repeated=1", "flushed")
	})
}

func TestKindsOfFailureAreBounded(t *testing.T) {
	t.Parallel()
	r := newRepeats(slog.New(slog.DiscardHandler), time.Hour)
	defer r.flush()
	for i := range 10 * maxKinds {
		r.add(t.Context(), failureLine{kind: time.Duration(i).String(), msg: "failed"})
	}
	require.Len(t, r.kinds, maxKinds)
}
