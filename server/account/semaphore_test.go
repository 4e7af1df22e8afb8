package account_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

// acquire makes clients wait for a busy semaphore in this order, and returns their results in the order in which they
// return.
func acquire(t *testing.T, maxWaiting int, clients ...string) []string {
	t.Helper()
	results := make(chan string, len(clients))
	synctest.Test(t, func(t *testing.T) {
		semaphore := account.NewSemaphore(account.SemaphoreOptions{Concurrency: 1, MaxWaiting: maxWaiting})
		release, err := semaphore.Acquire(t.Context(), "running")
		require.NoError(t, err)
		for i, client := range clients {
			go func() {
				release, err := semaphore.Acquire(t.Context(), client)
				results <- fmt.Sprintf("%s%d %v", client, i, err)
				if err == nil {
					release()
				}
			}()
			synctest.Wait()
		}
		release()
		synctest.Wait()
		release, err = semaphore.Acquire(t.Context(), "after") // all slots were released
		require.NoError(t, err)
		release()
	})
	close(results)
	var order []string
	for result := range results {
		order = append(order, result)
	}
	return order
}

func TestSemaphoreIsFair(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"flood0 <nil>", "honest4 <nil>", "other5 <nil>", "flood1 <nil>", "flood2 <nil>", "flood3 <nil>",
	}, acquire(t, 10, "flood", "flood", "flood", "flood", "honest", "other"))
}

func TestFullSemaphoreDisplacesTheLongestQueue(t *testing.T) {
	t.Parallel()
	busy := account.ErrBusy.Error()
	require.Equal(t, []string{
		"flood3 " + busy,                   // its queue is the longest
		"flood2 " + busy, "flood1 " + busy, // displaced by clients without a waiter
		"third6 " + busy, // no queue is longer than its own would become
		"flood0 <nil>", "honest4 <nil>", "other5 <nil>",
	}, acquire(t, 3, "flood", "flood", "flood", "flood", "honest", "other", "third"))
}

func TestCanceledWaiterLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		semaphore := account.NewSemaphore(account.SemaphoreOptions{Concurrency: 1, MaxWaiting: 1})
		release, err := semaphore.Acquire(t.Context(), "a")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		canceled := make(chan error, 1)
		go func() {
			_, err := semaphore.Acquire(ctx, "b")
			canceled <- err
		}()
		synctest.Wait()
		_, err = semaphore.Acquire(t.Context(), "c")
		require.ErrorIs(t, err, account.ErrBusy)
		cancel()
		require.ErrorIs(t, <-canceled, context.Canceled)

		acquired := make(chan error, 1)
		go func() {
			release, err := semaphore.Acquire(t.Context(), "c")
			acquired <- err
			release()
		}()
		synctest.Wait()
		release()
		require.NoError(t, <-acquired, "the canceled waiter left room")
	})
}
