//go:build unix

package local

import (
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Linux does not use ps, but can test it.
func TestStartOfAProcess(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(int) (string, error){"startOf": startOf, "startFromPS": startFromPS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sleep := exec.Command("sleep", "60")
			require.NoError(t, sleep.Start())
			first, err := start(sleep.Process.Pid)
			require.NoError(t, err)
			require.NotEmpty(t, first)
			again, err := start(sleep.Process.Pid)
			require.NoError(t, err)
			require.Equal(t, first, again)

			require.NoError(t, sleep.Process.Kill())
			require.Eventually(t, func() bool {
				zombie, err := start(sleep.Process.Pid)
				return err == nil && zombie == ""
			}, 10*time.Second, 10*time.Millisecond, "a zombie is not running")
			require.Error(t, sleep.Wait(), "it was killed")
			ended, err := start(sleep.Process.Pid)
			require.NoError(t, err)
			require.Empty(t, ended)
		})
	}
}
