//go:build !unix

package flock

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// File is not supported here.
type File struct{}

// Lock is not supported here.
func Lock(context.Context, string) (*File, error) { return nil, unsupported() }

// Share is not supported here.
func Share(context.Context, string) (*File, error) { return nil, unsupported() }

// Try is not supported here.
func Try(string) (lock *File, held bool, err error) { return nil, false, unsupported() }

// Unlock is not supported here.
func (*File) Unlock() error { return unsupported() }

func unsupported() error {
	return fmt.Errorf("file locks on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
