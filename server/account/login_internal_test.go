package account

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// TestDevicesOfOneAccountShareALine: a user who logs in often gets no larger share of the queue.
func TestDevicesOfOneAccountShareALine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Logins{devices: NewQueue(QueueOptions{AtOnce: 1})}
		leave, err := l.enter(t.Context(), Attempt{}, "running@example.com", true)
		require.NoError(t, err)
		for _, email := range []string{"eve@example.com", "eve@example.com", "ada@example.com"} {
			go func() {
				if leave, err := l.enter(t.Context(), Attempt{}, email, true); err == nil {
					leave()
				}
			}()
		}
		synctest.Wait()
		l.devices.mu.Lock()
		require.Equal(t, 3, l.devices.queued)
		require.Len(t, l.devices.clients, 2)
		l.devices.mu.Unlock()
		leave()
	})
}
