//go:build unix

package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the user and system CPU time of a process, 0 if unavailable; pid 0 is this process. Unlike getrusage
// it measures other processes, and in nanoseconds.
func cpuTime(pid int) time.Duration {
	clock := int32(unix.CLOCK_PROCESS_CPUTIME_ID)
	if pid != 0 {
		clock = int32(^pid<<3 | 2) //nolint:gosec // as clock_getcpuclockid(3) on Linux
	}
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
