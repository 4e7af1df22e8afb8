package bench

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCPUTimeOfAnotherProcess(t *testing.T) {
	t.Parallel()
	busy := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	require.NoError(t, busy.Start())
	used := func() bool { return cpuTime(busy.Process.Pid) > 20*time.Millisecond }
	require.Eventually(t, used, time.Minute, 10*time.Millisecond)
	require.Positive(t, cpuTime(0))
	require.NoError(t, busy.Process.Kill())
	require.Error(t, busy.Wait())
	require.Zero(t, cpuTime(busy.Process.Pid), "the process has exited")
}
