package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// senderFunc is a [Sender].
type senderFunc func(ctx context.Context, m Message) error

func (f senderFunc) Send(ctx context.Context, m Message) error { return f(ctx, m) }

type workerBundle struct {
	*Worker

	queue *fakeQueue
	log   *bytes.Buffer // read it after stop
	stop  func()        // stops the worker and waits
}

// setupWorker starts a worker in a bubble of synctest.
func setupWorker(t *testing.T, send senderFunc, changes ...func(*WorkerOptions)) workerBundle {
	t.Helper()
	queue, log := &fakeQueue{}, &bytes.Buffer{}
	o := WorkerOptions{
		Queue: queue, Sender: send, Clock: time.Now, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Compose: func(context.Context, Job) (Message, error) { return example(), nil },
	}
	for _, change := range changes {
		change(&o)
	}
	w := NewWorker(o)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	stop := func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	synctest.Wait()
	return workerBundle{Worker: w, queue: queue, log: log, stop: stop}
}

func accept(context.Context, Message) error { return nil }

func TestWorkerSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := make(chan Message, 2)
		b := setupWorker(t, func(_ context.Context, m Message) error { sent <- m; return nil })
		r := b.queue.add(KindInvitation)
		b.Wake()
		b.Wake()
		synctest.Wait()
		require.Len(t, sent, 1)
		require.Equal(t, example(), <-sent)
		require.True(t, b.queue.get(r).ended)
		require.Empty(t, b.queue.get(r).reason)

		b.queue.add(KindPasswordReset)
		time.Sleep(pollInterval)
		synctest.Wait()
		require.Len(t, sent, 1, "found without Wake")
		require.Equal(t, WorkerStats{
			Sent: 2, GaveUp: map[string]int64{"rejected": 0, "gave_up": 0, "obsolete": 0},
		}, b.Stats())
		b.stop()
		require.Empty(t, b.log.String())
	})
}

func TestWorkerBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, sent := time.Now(), make(chan time.Duration, 10)
		b := setupWorker(t, func(context.Context, Message) error {
			sent <- time.Since(start)
			return errors.New("status 451")
		})
		r := b.queue.add(KindInvitation)
		b.Wake()
		synctest.Wait()
		require.Equal(t, "unreachable", b.queue.get(r).reason)
		require.Equal(t, time.Now().Add(time.Minute), b.queue.get(r).notBefore)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.Len(t, sent, 6)
		for _, want := range []time.Duration{
			0, time.Minute, 6 * time.Minute, 36 * time.Minute, 2*time.Hour + 36*time.Minute, 8*time.Hour + 36*time.Minute,
		} {
			require.Equal(t, want, <-sent)
		}
		require.True(t, b.queue.get(r).ended)
		require.Equal(t, "gave_up", b.queue.get(r).reason)
		require.Equal(t, WorkerStats{
			Retried: 5, GaveUp: map[string]int64{"rejected": 0, "gave_up": 1, "obsolete": 0},
		}, b.Stats())

		b.stop()
		lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
		require.Len(t, lines, 6, "one for each attempt")
		for i, line := range lines {
			require.Contains(t, line, "level=WARN")
			require.Contains(t, line, fmt.Sprintf("mail_id=%s kind=invitation attempt=%d reason=", r.ID, i+1))
			require.NotContains(t, line, "@")
			require.NotContains(t, line, canary)
		}
		require.Contains(t, lines[4], "retry_in=6h0m0s")
		require.NotContains(t, lines[5], "retry_in")
	})
}

func TestWorkerGivesUp(t *testing.T) {
	t.Parallel()
	rejected := fmt.Errorf("%w: status 550", ErrPermanent)
	fail := func(err error) func(context.Context, Job) (Message, error) {
		return func(context.Context, Job) (Message, error) { return example(), err }
	}
	for name, tt := range map[string]struct {
		compose, send error
		reason        string
		ended         bool
	}{
		"rejected":          {nil, rejected, "rejected", true},
		"invalid address":   {rejected, nil, "rejected", true},
		"obsolete":          {fmt.Errorf("revoked: %w", ErrObsolete), nil, "obsolete", true},
		"database is away":  {errors.New("no connection"), nil, "unreachable", false},
		"server is away":    {nil, errors.New("no connection"), "unreachable", false},
		"delivered as well": {nil, nil, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				b := setupWorker(t, func(context.Context, Message) error { sent.Add(1); return tt.send },
					func(o *WorkerOptions) { o.Compose = fail(tt.compose) })
				r := b.queue.add(KindConfirmEmail)
				b.Wake()
				synctest.Wait()
				require.Equal(t, tt.reason, b.queue.get(r).reason)
				require.Equal(t, tt.ended, b.queue.get(r).ended)
				require.Equal(t, tt.compose == nil, sent.Load() == 1)
				stats := b.Stats()
				require.EqualValues(t, 1, stats.Sent+stats.Retried+stats.GaveUp["rejected"]+stats.GaveUp["obsolete"])
			})
		})
	}
}

func TestWorkerSendsFourAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		count := func(change int) {
			mu.Lock()
			defer mu.Unlock()
			running += change
			most = max(most, running)
		}
		b := setupWorker(t, func(context.Context, Message) error {
			count(1)
			defer count(-1)
			time.Sleep(time.Second)
			return nil
		})
		for range 10 {
			b.queue.add(KindInvitation)
		}
		b.Wake()
		time.Sleep(3*time.Second + time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 10, b.Stats().Sent, "in three rounds, without waiting for the next poll")
		b.stop()
		require.Equal(t, 4, most)
		require.LessOrEqual(t, slices.Max(b.queue.limits), 4)
		require.Positive(t, slices.Min(b.queue.limits))
	})
}

// One message that takes long does not delay the others.
func TestWorkerDoesNotWaitForOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Bool
		b := setupWorker(t, func(ctx context.Context, _ Message) error {
			if started.Swap(true) {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		r := b.queue.add(KindInvitation)
		b.Wake()
		synctest.Wait()
		b.queue.add(KindInvitation)
		b.Wake()
		synctest.Wait()
		require.EqualValues(t, 1, b.Stats().Sent)
		require.Empty(t, b.queue.get(r).reason)
		time.Sleep(jobTimeout)
		synctest.Wait()
		require.EqualValues(t, 1, b.Stats().Retried, "an attempt ends after 30 seconds")
		require.False(t, b.queue.get(r).ended)
		require.Empty(t, b.queue.get(r).reason, "not stored; the lease ends later")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		require.True(t, b.queue.get(r).ended)
	})
}

func TestWorkerFinishesWhatItSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setupWorker(t, func(ctx context.Context, _ Message) error {
			time.Sleep(time.Second)
			return ctx.Err()
		})
		r := b.queue.add(KindInvitation)
		b.Wake()
		synctest.Wait()
		started := time.Now()
		b.stop()
		require.Equal(t, time.Second, time.Since(started))
		require.True(t, b.queue.get(r).ended)
		require.EqualValues(t, 1, b.Stats().Sent)

		late := b.queue.add(KindInvitation)
		b.Wake()
		synctest.Wait()
		require.Zero(t, b.queue.get(late).Attempts, "the worker has stopped")
	})
}

// TestWorkerSendsAgainWhatItCouldNotMark: at least once, but not without end.
func TestWorkerSendsAgainWhatItCouldNotMark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setupWorker(t, accept)
		b.queue.fail(nil, errors.New("no connection"))
		r := b.queue.add(KindInvitation)
		b.Wake()
		synctest.Wait()
		require.False(t, b.queue.get(r).ended)
		time.Sleep(5*time.Minute - time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, b.Stats().Sent, "leased")
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 2, b.Stats().Sent)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.EqualValues(t, 6, b.Stats().Sent)
		require.True(t, b.queue.get(r).ended)
		require.Equal(t, "gave_up", b.queue.get(r).reason)
	})
}

func TestWorkerReportsAnUnreadableOutboxOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setupWorker(t, accept)
		b.queue.fail(errors.New("no connection"), nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		b.queue.fail(nil, nil)
		b.queue.add(KindInvitation)
		time.Sleep(pollInterval)
		synctest.Wait()
		require.EqualValues(t, 1, b.Stats().Sent)
		b.stop()
		require.Equal(t, 1, strings.Count(b.log.String(), "mail outbox not readable"))
	})
}
