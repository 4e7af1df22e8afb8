package endtoend_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// memoryNeeded is what docs/operations.md says that serve needs, in bytes.
const memoryNeeded = 256 << 20

// Logging in is what takes the most memory. GOMEMLIMIT, which is what serve sets in a container of that size, keeps the
// garbage of the hashes from piling up on a machine with many cores.
func TestServeFitsIntoItsMemory(t *testing.T) {
	t.Parallel()
	env := served(t, testdb.New(t))
	env["GOMEMLIMIT"] = strconv.Itoa(memoryNeeded * 8 / 10)
	out, code := run(t, env, password+"\n", "user", "create", "ada@example.com")
	require.Zero(t, code, out)
	server := start(t, env, "serve")
	server.wait(t, `msg="garbage collection" gogc=400 gomemlimit=(\S+)`)
	api := client{base: "http://" + server.wait(t, `msg=listening.* address=(\S+)`)}

	var people sync.WaitGroup
	for range 8 {
		people.Go(func() {
			for range 10 {
				api.do(t, http.StatusOK, http.MethodPost, "/v1/auth/login", object{"email": "ada@example.com", "password": password})
			}
		})
	}
	people.Wait()
	peak := peakMemory(t, server.cmd.Process.Pid)
	t.Logf("peak: %d MiB", peak>>20)
	require.Less(t, peak, memoryNeeded)
	require.Greater(t, peak, 19<<20, "a password was hashed")
}

// peakMemory is the largest resident size that a process has had, in bytes (proc(5), VmHWM).
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
