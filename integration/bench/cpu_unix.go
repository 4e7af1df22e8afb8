//go:build unix

package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what all threads of a process have used, user and system; pid 0 is this process. getrusage tells the same
// of this process only, and in microseconds. It is 0 where it can't be known.
func cpuTime(pid int) time.Duration {
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if pid != 0 {
		clock = int32(^pid<<3 | 2) //nolint:gosec // as clock_getcpuclockid(3) makes it, on Linux
	}
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
