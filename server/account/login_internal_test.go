package account

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestDevicesOfAnAccountShareAQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Logins{knownDevices: NewSemaphore(SemaphoreOptions{Concurrency: 1})}
		release, err := l.acquire(t.Context(), Attempt{}, "running@example.com", true)
		require.NoError(t, err)
		for _, email := range []string{"eve@example.com", "eve@example.com", "ada@example.com"} {
			go func() {
				if release, err := l.acquire(t.Context(), Attempt{}, email, true); err == nil {
					release()
				}
			}()
		}
		synctest.Wait()
		l.knownDevices.mu.Lock()
		require.Equal(t, 3, l.knownDevices.waiting)
		require.Len(t, l.knownDevices.clients, 2)
		l.knownDevices.mu.Unlock()
		release()
	})
}
