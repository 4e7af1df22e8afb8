package mockt_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/mockt"
)

// TestParallel: at most four parallel subtests run at once, and those that wait for their own do not count.
func TestParallel(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var running, most, started int
	count := func(change int) {
		mu.Lock()
		defer mu.Unlock()
		running += change
		started += max(change, 0)
		most = max(most, running)
	}
	run := func(sub *mockt.T, parallel func(*mockt.T)) {
		for i := range 8 {
			sub.Run(strconv.Itoa(i), func(sub *mockt.T) {
				sub.Parallel()
				parallel(sub)
			})
		}
	}
	mockt.New(t.Context(), "outer").Do(func(outer *mockt.T) {
		run(outer, func(sub *mockt.T) {
			run(sub, func(*mockt.T) {
				count(1)
				time.Sleep(time.Millisecond)
				count(-1)
			})
		})
	})
	require.Equal(t, 4, most)
	require.Equal(t, 64, started)
}
