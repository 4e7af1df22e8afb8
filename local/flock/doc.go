// Package flock locks a file against other processes.
//
// The lock is the kernel's (flock(2)): it is gone when its process is, however that ended, so nothing has to be
// cleaned up after a crash. That makes it fit for two questions: "may I change this folder now?" ([Lock]) and
// "is anybody still using it?" ([Share], [Try]).
//
//	lock, err := flock.Lock(ctx, path)
//	if err != nil {
//		return err
//	}
//	defer lock.Unlock()
//
// The package is a leaf. On systems without flock(2) every function fails with [errors.ErrUnsupported].
package flock
