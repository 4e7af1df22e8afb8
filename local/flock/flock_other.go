//go:build !unix

package flock

import "errors"

const exclusive, shared, noFollow = 0, 0, 0

var errLocked = errors.New("locked")

func flock(uintptr, int) error { return errors.ErrUnsupported }
