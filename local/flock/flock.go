package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// pause is the polling interval, because a blocking flock(2) could not be canceled.
const pause = 10 * time.Millisecond

// File is a locked file. [File.Unlock] or the end of the process releases it.
type File struct {
	file *os.File
}

// Lock waits for an exclusive lock on path, created with mode 0600 if missing, or until ctx is done.
func Lock(ctx context.Context, path string) (*File, error) { return wait(ctx, path, exclusive) }

// Share waits for a shared lock on path.
func Share(ctx context.Context, path string) (*File, error) { return wait(ctx, path, shared) }

// Try is [Lock] without waiting: held is false if another process holds a lock.
func Try(path string) (lock *File, held bool, err error) { return try(path, exclusive) }

// Unlock releases the lock.
func (f *File) Unlock() error { return f.file.Close() }

func wait(ctx context.Context, path string, how int) (*File, error) {
	for {
		lock, held, err := try(path, how)
		if held || err != nil {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock on %s: %w", path, ctx.Err())
		case <-time.After(pause):
		}
	}
}

func try(path string, how int) (lock *File, held bool, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = flock(file.Fd(), how)
	if err == nil {
		return &File{file}, true, nil
	}
	err = errors.Join(err, file.Close())
	if errors.Is(err, errLocked) {
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("lock %s: %w", path, err)
}
