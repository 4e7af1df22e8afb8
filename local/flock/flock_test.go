//go:build unix

package flock_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/local/flock"
)

// Two opened files of one process exclude each other as two processes do: flock(2) locks the open file.

func TestLockExcludes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")

	first, err := flock.Lock(t.Context(), path)
	require.NoError(t, err)

	_, held, err := flock.Try(path)
	require.NoError(t, err)
	require.False(t, held, "a second holder came in")

	require.NoError(t, first.Unlock())
	second, held, err := flock.Try(path)
	require.NoError(t, err)
	require.True(t, held, "the lock was not given back")
	require.NoError(t, second.Unlock())
}

func TestShareLetsOthersShare(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")

	first, err := flock.Share(t.Context(), path)
	require.NoError(t, err)
	second, err := flock.Share(t.Context(), path)
	require.NoError(t, err)

	require.NoError(t, first.Unlock())
	_, held, err := flock.Try(path)
	require.NoError(t, err)
	require.False(t, held, "one still shares it")

	require.NoError(t, second.Unlock())
	last, held, err := flock.Try(path)
	require.NoError(t, err)
	require.True(t, held, "it is no longer shared")
	require.NoError(t, last.Unlock())
}

func TestLockGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := flock.Lock(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, first.Unlock()) }()

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = flock.Lock(ctx, path)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, path)
}

func TestLockWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := flock.Lock(t.Context(), path)
	require.NoError(t, err)

	taken := make(chan error, 1)
	go func() {
		second, err := flock.Lock(t.Context(), path)
		if err == nil {
			err = second.Unlock()
		}
		taken <- err
	}()
	require.NoError(t, first.Unlock())
	require.NoError(t, <-taken)
}
