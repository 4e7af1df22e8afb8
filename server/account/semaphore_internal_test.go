package account

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultConcurrency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cores int
		limit int64 // of Go's memory, in bytes
		want  int
	}{
		{1, math.MaxInt64, 1},
		{2, math.MaxInt64, 1},
		{4, math.MaxInt64, 2},
		{64, math.MaxInt64, 3}, // 3 times 19 MiB is below 64 MiB
		{64, 4 << 30, 32},
		{64, 256 << 20, 3}, // a quarter of it is 64 MiB
		{64, 32 << 20, 1},
	} {
		require.Equal(t, tt.want, defaultConcurrency(tt.cores, tt.limit), "%+v", tt)
	}
	require.Equal(t, defaultConcurrency(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1)), NewSemaphore(SemaphoreOptions{}).concurrency)
}
