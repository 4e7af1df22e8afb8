//go:build unix

package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// pause is the polling interval, because a blocking flock(2) could not be canceled.
const pause = 10 * time.Millisecond

// File is a locked file. [File.Unlock] or the end of the process releases it.
type File struct {
	file *os.File
}

// Lock waits for an exclusive lock on path, created with mode 0600 if missing, or until ctx is done.
func Lock(ctx context.Context, path string) (*File, error) {
	return wait(ctx, path, syscall.LOCK_EX)
}

// Share waits for a shared lock on path.
func Share(ctx context.Context, path string) (*File, error) {
	return wait(ctx, path, syscall.LOCK_SH)
}

// Try is [Lock] without waiting: held is false if another process holds a lock.
func Try(path string) (lock *File, held bool, err error) {
	file, err := open(path)
	if err != nil {
		return nil, false, err
	}
	held, err = try(file, syscall.LOCK_EX)
	if !held {
		return nil, false, errors.Join(err, file.Close())
	}
	return &File{file}, true, nil
}

// Unlock releases the lock.
func (f *File) Unlock() error {
	return f.file.Close()
}

func wait(ctx context.Context, path string, how int) (*File, error) {
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	for {
		held, err := try(file, how)
		if held {
			return &File{file}, nil
		}
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the lock on %s: %w", path, ctx.Err()), file.Close())
		case <-time.After(pause):
		}
	}
}

func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
}

// try reports whether it got the lock. A lock of another process is not an error.
func try(file *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		default:
			return false, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
	}
}
