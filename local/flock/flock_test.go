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

func TestTryWhileLocked(t *testing.T) {
	t.Parallel()
	type lock func(context.Context, string) (*flock.File, error)
	for name, locks := range map[string][]lock{"exclusive": {flock.Lock}, "shared": {flock.Share, flock.Share}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "lock")
			var files []*flock.File
			for _, lock := range locks {
				file, err := lock(t.Context(), path)
				require.NoError(t, err)
				files = append(files, file)
			}
			for _, file := range files {
				_, held, err := flock.Try(path)
				require.NoError(t, err)
				require.False(t, held, "still locked")
				require.NoError(t, file.Unlock())
			}
			last, held, err := flock.Try(path)
			require.NoError(t, err)
			require.True(t, held, "no longer locked")
			require.NoError(t, last.Unlock())
		})
	}
}

func TestLockWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := flock.Lock(t.Context(), path)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = flock.Lock(ctx, path)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, path)

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
