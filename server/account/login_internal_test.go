package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errCounted = errors.New("counted")

// lastCount remembers when the last attempt was counted.
type lastCount struct{ at any }

func (*lastCount) Exec(context.Context, string, any, any) error { return errCounted }

func (c *lastCount) Query(_ context.Context, _ string, args, _ any) error {
	c.at = args.([]any)[0]
	return errCounted
}

// TestAnAttemptIsCountedInTheWindowOfItsTurn: the window may have ended while it waited.
func TestAnAttemptIsCountedInTheWindowOfItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &lastCount{}
		attempts, err := NewAttempts(db, make([]byte, minKey))
		require.NoError(t, err)
		l := &Logins{clock: time.Now, attempts: attempts, strangers: NewQueue(QueueOptions{AtOnce: 1})}
		leave, err := l.strangers.Enter(t.Context(), "running")
		require.NoError(t, err)
		failed := make(chan error, 1)
		go func() {
			_, err := l.Login(t.Context(), Attempt{Email: "ada@example.com", Password: "wrong"})
			failed <- err
		}()
		synctest.Wait()
		time.Sleep(time.Minute)
		leave()
		require.ErrorIs(t, <-failed, errCounted)
		require.Equal(t, instant(time.Now), db.at)
	})
}

// TestDevicesOfOneAccountShareALine: a user who logs in often gets no larger share of the queue.
func TestDevicesOfOneAccountShareALine(t *testing.T) {
	t.Parallel()
	attempts, err := NewAttempts(&lastCount{}, make([]byte, minKey))
	require.NoError(t, err)
	l := &Logins{clock: time.Now, attempts: attempts, devices: NewQueue(QueueOptions{AtOnce: 1})}
	line := func(email string) string {
		queue, line, counters := l.path(Attempt{Device: attempts.newDevice(email, time.Now())}, email)
		require.Same(t, l.devices, queue)
		require.Len(t, counters, 1)
		return line
	}
	first := line("eve@example.com")
	require.Equal(t, first, line("eve@example.com"))
	require.NotEqual(t, first, line("ada@example.com"))
}
