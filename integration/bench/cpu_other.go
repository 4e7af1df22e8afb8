//go:build !unix

package bench

import "time"

// cpuTime is not available on this platform.
func cpuTime(int) time.Duration { return 0 }
