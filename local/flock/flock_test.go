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

// Two open files in one process stand for two processes, because flock(2) locks open files.

func TestLockExcludes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")

	first, err := flock.Lock(t.Context(), path)
	require.NoError(t, err)

	_, held, err := flock.Try(path)
	require.NoError(t, err)
	require.False(t, held, "locked twice")

	require.NoError(t, first.Unlock())
	second, held, err := flock.Try(path)
	require.NoError(t, err)
	require.True(t, held, "not unlocked")
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
	require.False(t, held, "still shared")

	require.NoError(t, second.Unlock())
	last, held, err := flock.Try(path)
	require.NoError(t, err)
	require.True(t, held, "no longer shared")
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
