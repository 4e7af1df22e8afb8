package local_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/local"
)

func TestDetached(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			opt := local.DetachedOptions{
				Folder:    folder(t),
				Postgres:  local.PostgresOptions{Port: testdb.FreePort(t), Password: "pg-secret"},
				Redis:     local.RedisOptions{Port: testdb.FreePort(t), Password: "redis-secret", Kind: kind},
				Miniredis: []string{"/usr/bin/env", role + "=miniredis", os.Args[0]},
			}
			t.Cleanup(func() {
				_, err := local.StopDetached(context.WithoutCancel(t.Context()), opt.Folder)
				require.NoError(t, err)
			})
			up, err := local.StartDetached(t.Context(), opt)
			require.NoError(t, err)
			require.Equal(t, opt.Postgres.Port, up.Postgres.Port)
			requireRuns(t, up.Postgres)
			require.Equal(t, kind, up.Redis.Kind)
			require.NoError(t, ping(t, client(t, up.Redis.URL())))

			again, err := local.StartDetached(t.Context(), opt)
			require.NoError(t, err)
			require.True(t, again.Postgres.Reused)
			require.True(t, again.Redis.Reused)
			stop(t, up.Postgres)
			requireRuns(t, up.Postgres) // Stop does not stop a detached server

			stopped, err := local.StopDetached(t.Context(), opt.Folder)
			require.NoError(t, err)
			require.Equal(t, local.Stopped{Postgres: true, Redis: true}, stopped)
			requireStopped(t, up.Postgres.SuperuserDSN())
			stopped, err = local.StopDetached(t.Context(), opt.Folder)
			require.NoError(t, err)
			require.Equal(t, local.Stopped{}, stopped)
		})
	}
}

func TestDetachedWithoutAnyRedis(t *testing.T) {
	t.Parallel()
	place := folder(t)
	up, err := local.StartDetached(t.Context(), local.DetachedOptions{
		Folder: place, Redis: local.RedisOptions{Kind: local.Miniredis},
	})
	require.NoError(t, err)
	require.Nil(t, up.Redis)
	stopped, err := local.StopDetached(t.Context(), place)
	require.NoError(t, err)
	require.Equal(t, local.Stopped{Postgres: true}, stopped)
}

func TestDetachedLeavesNothingWhenRedisFails(t *testing.T) {
	t.Parallel()
	place := folder(t)
	taken := startRedis(t, local.RedisOptions{Kind: local.Miniredis})
	_, err := local.StartDetached(t.Context(), local.DetachedOptions{
		Folder:    place,
		Redis:     local.RedisOptions{Kind: local.Miniredis, Port: taken.Port},
		Miniredis: []string{os.Args[0]},
	})
	require.ErrorIs(t, err, local.ErrPortTaken)
	stopped, err := local.StopDetached(t.Context(), place)
	require.NoError(t, err)
	require.Equal(t, local.Stopped{}, stopped)
}

func TestStopSparesAnotherProgramWithTheSamePID(t *testing.T) {
	t.Parallel()
	place := folder(t)
	require.NoError(t, os.MkdirAll(place, 0o700))
	bystander := exec.Command("sleep", "60")
	require.NoError(t, bystander.Start())
	t.Cleanup(func() { _ = bystander.Process.Kill(); _ = bystander.Wait() })

	record := `{"pid":` + strconv.Itoa(bystander.Process.Pid) + `,"started":"long ago"}`
	require.NoError(t, os.WriteFile(filepath.Join(place, "process.json"), []byte(record), 0o600))
	stopped, err := local.StopPostgres(t.Context(), place)
	require.NoError(t, err)
	require.False(t, stopped)
	require.NoError(t, exec.Command("kill", "-0", strconv.Itoa(bystander.Process.Pid)).Run(), "it must still run")
}

func TestACrashTakesTheServerWithIt(t *testing.T) {
	t.Parallel()
	crash := exec.Command(os.Args[0])
	crash.Env = append(os.Environ(), role+"=crash")
	out, err := crash.Output()
	require.Error(t, err, "the process kills itself")
	place := string(out)
	require.True(t, strings.HasPrefix(place, os.TempDir()), place)
	t.Cleanup(func() {
		_, err := local.StopPostgres(context.WithoutCancel(t.Context()), place)
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(place))
	})
	if runtime.GOOS != "linux" {
		t.Log("only Linux ends children with their parent")
		return
	}
	requireEnds(t, place, "the server must end with its parent")
}

// requireEnds waits until the server of folder has removed its pid file.
func requireEnds(t *testing.T, folder, message string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(folder, "data", "postmaster.pid"))
		return os.IsNotExist(err)
	}, 20*time.Second, 20*time.Millisecond, message)
}

func TestTheNextStartSweepsAfterACrash(t *testing.T) {
	t.Parallel()
	old, err := os.MkdirTemp("", "konstruct-postgres-") //nolint:usetesting // not reachable by the servers
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(old)) })
	require.NoError(t, os.WriteFile(filepath.Join(old, "leftover"), nil, 0o600))
	hourAgo := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(old, hourAgo, hourAgo))

	start(t, local.PostgresOptions{Throwaway: true})
	require.NoDirExists(t, old)
}
