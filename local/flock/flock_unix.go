//go:build unix

package flock

import "syscall"

const (
	exclusive = syscall.LOCK_EX
	shared    = syscall.LOCK_SH
	noFollow  = syscall.O_NOFOLLOW
	errLocked = syscall.EWOULDBLOCK
)

func flock(fd uintptr, how int) error {
	for {
		if err := syscall.Flock(int(fd), how|syscall.LOCK_NB); err != syscall.EINTR {
			return err
		}
	}
}
