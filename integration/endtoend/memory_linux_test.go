package endtoend_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// memoryNeeded is serve's memory requirement in docs/operations.md, in bytes.
const memoryNeeded = 256 << 20

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// Logins use the most memory. serve sets this GOMEMLIMIT in a container of that size, which bounds the garbage of
// password hashes on machines with many cores.
func TestServeMemory(t *testing.T) {
	t.Parallel()
	b := setupServer(t, environment{"GOMEMLIMIT": strconv.Itoa(memoryNeeded * 8 / 10)})
	b.server.wait(t, `msg="garbage collection" gogc=400 gomemlimit=(\S+)`)
	var logins sync.WaitGroup
	for range 8 {
		logins.Go(func() {
			for range 10 {
				b.admin.as(t, "ada@example.com", password)
			}
		})
	}
	logins.Wait()

	// The peak resident set size, see proc(5).
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.server.cmd.Process.Pid))
	require.NoError(t, err)
	found := peakLine.FindSubmatch(status)
	require.NotNil(t, found, "%s", status)
	kib, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	t.Logf("peak: %d MiB", kib>>10)
	require.Less(t, kib<<10, memoryNeeded)
	require.Greater(t, kib<<10, 19<<20, "the memory of one password hash")
}
