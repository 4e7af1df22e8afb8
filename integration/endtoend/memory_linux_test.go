package endtoend_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// memoryNeeded is serve's memory requirement in docs/operations.md, in bytes.
const memoryNeeded = 256 << 20

// Logins use the most memory. serve sets this GOMEMLIMIT in a container of that size, which bounds the garbage of
// password hashes on machines with many cores.
func TestServeMemory(t *testing.T) {
	t.Parallel()
	env := serveEnvironment(t, testdb.New(t))
	env["GOMEMLIMIT"] = strconv.Itoa(memoryNeeded * 8 / 10)
	out, code := run(t, env, password+"\n", "user", "create", "ada@example.com")
	require.Zero(t, code, out)
	server := start(t, env, "serve")
	server.wait(t, `msg="garbage collection" gogc=400 gomemlimit=(\S+)`)
	api := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}

	var logins sync.WaitGroup
	for range 8 {
		logins.Go(func() {
			for range 10 {
				api.login(t, "ada@example.com", password)
			}
		})
	}
	logins.Wait()
	peak := peakMemory(t, server.cmd.Process.Pid)
	t.Logf("peak: %d MiB", peak>>20)
	require.Less(t, peak, memoryNeeded)
	require.Greater(t, peak, 19<<20, "the memory of one password hash")
}

// peakMemory returns a process's peak resident set size in bytes (proc(5), VmHWM).
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	defer func() { _ = status.Close() }()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, "kB")))
			require.NoError(t, err)
			return kib << 10
		}
	}
	require.Fail(t, "no VmHWM")
	return 0
}
