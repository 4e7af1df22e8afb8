// Package flock locks a file against other processes.
//
// The kernel releases the lock (flock(2)) when the process ends, so a crash leaves nothing to clean up. Use [Lock] for
// exclusive access, and [Share] with [Try] to detect other users.
//
//	lock, err := flock.Lock(ctx, path)
//	if err != nil {
//		return err
//	}
//	defer lock.Unlock()
//
// On systems without flock(2) every function returns [errors.ErrUnsupported].
package flock
