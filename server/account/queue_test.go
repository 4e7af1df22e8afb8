package account_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

// enter lines clients up, in this order, behind a turn that is running, and returns what each client's callers were
// told, in the order in which they were told.
func enter(t *testing.T, o account.QueueOptions, clients ...string) []string {
	t.Helper()
	told := make(chan string, len(clients))
	synctest.Test(t, func(t *testing.T) {
		queue := account.NewQueue(o)
		leave, err := queue.Enter(t.Context(), "running")
		require.NoError(t, err)
		for i, client := range clients {
			go func() {
				leave, err := queue.Enter(t.Context(), client)
				told <- fmt.Sprintf("%s%d %v", client, i, err)
				if err == nil {
					leave()
				}
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		leave, err = queue.Enter(t.Context(), "after") // all turns came back
		require.NoError(t, err)
		leave()
	})
	close(told)
	var order []string
	for line := range told {
		order = append(order, line)
	}
	return order
}

func TestQueueTakesClientsInTurn(t *testing.T) {
	t.Parallel()
	told := enter(t, account.QueueOptions{AtOnce: 1, Waiting: 10}, "flood", "flood", "flood", "flood", "honest", "other")
	require.Equal(t, []string{
		"flood0 <nil>", "honest4 <nil>", "other5 <nil>", "flood1 <nil>", "flood2 <nil>", "flood3 <nil>",
	}, told)
}

func TestAFullQueueDisplacesTheLongestLine(t *testing.T) {
	t.Parallel()
	busy := account.ErrBusy.Error()
	told := enter(t, account.QueueOptions{AtOnce: 1, Waiting: 3}, "flood", "flood", "flood", "flood", "honest", "other", "third")
	require.Equal(t, []string{
		"flood3 " + busy,                   // the longest line gets no longer
		"flood2 " + busy, "flood1 " + busy, // those who came last, for clients that had no place
		"third6 " + busy, // no line is longer than the third's would be
		"flood0 <nil>", "honest4 <nil>", "other5 <nil>",
	}, told)
}

func TestQueueForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		queue := account.NewQueue(account.QueueOptions{AtOnce: 1, Waiting: 1})
		leave, err := queue.Enter(t.Context(), "a")
		require.NoError(t, err)
		waiting, giveUp := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := queue.Enter(waiting, "b")
			failed <- err
		}()
		synctest.Wait()
		_, err = queue.Enter(t.Context(), "c")
		require.ErrorIs(t, err, account.ErrBusy)
		giveUp()
		require.ErrorIs(t, <-failed, context.Canceled)

		began := make(chan error, 1)
		go func() {
			leave, err := queue.Enter(t.Context(), "c")
			began <- err
			leave()
		}()
		synctest.Wait()
		leave()
		require.NoError(t, <-began, "the caller that left made room")
	})
}
