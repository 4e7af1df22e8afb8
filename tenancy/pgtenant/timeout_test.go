package pgtenant

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimeoutEndsEachWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTimeouts(5 * time.Second)
		first, stopFirst := p.bound(t.Context())
		defer stopFirst()
		time.Sleep(2 * time.Second)
		second, stopSecond := p.bound(t.Context())
		defer stopSecond()

		start := time.Now()
		<-first.Done()
		require.Equal(t, 3*time.Second, time.Since(start))
		require.NoError(t, second.Err(), "another wait is not affected")
		require.ErrorIs(t, context.Cause(first), errAcquireTimeout)
		<-second.Done()
		require.Equal(t, 5*time.Second, time.Since(start))
		require.NoError(t, t.Context().Err())
	})
}

func TestTimeoutAfterPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTimeouts(time.Second)
		for range 3 {
			_, stop := p.bound(t.Context())
			stop()
			time.Sleep(time.Minute) // the timer has fired without a wait
			waiting, stop := p.bound(t.Context())
			start := time.Now()
			<-waiting.Done()
			require.Equal(t, time.Second, time.Since(start))
			stop()
		}
	})
}

func TestTimeoutEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := newTimeouts(time.Hour)
	waiting, stop := p.bound(ctx)
	defer stop()
	require.NoError(t, waiting.Err())
	cancel()
	<-waiting.Done()
	require.ErrorIs(t, waiting.Err(), context.Canceled)
}

func TestTimeoutCancelBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newTimeouts(5 * time.Second)
		first, stopFirst := p.bound(t.Context())
		defer stopFirst()
		time.Sleep(time.Second)
		second, stopSecond := p.bound(t.Context())
		defer stopSecond()

		p.cancelBefore(errors.New("away"), time.Now())
		require.EqualError(t, context.Cause(first), "away")
		require.NoError(t, second.Err(), "it began later")
		time.Sleep(time.Second)
		p.cancelBefore(errors.New("away"), time.Now())
		require.EqualError(t, context.Cause(second), "away")
		require.Zero(t, p.waits.Len())
	})
}

func TestTimeoutFreesEndedWaits(t *testing.T) {
	t.Parallel()
	p := newTimeouts(time.Hour)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for range 100 {
				waiting, stop := p.bound(t.Context())
				stop()
				stop()
				<-waiting.Done()
			}
		})
	}
	done.Wait()
	require.Zero(t, p.waits.Len())
}

func BenchmarkTimeouts(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.Run("context.WithTimeout", func(b *testing.B) {
		for b.Loop() {
			_, stop := context.WithTimeout(ctx, time.Minute)
			stop()
		}
	})
	b.Run("timeouts", func(b *testing.B) {
		p := newTimeouts(time.Minute)
		for b.Loop() {
			_, stop := p.bound(ctx)
			stop()
		}
	})
}
