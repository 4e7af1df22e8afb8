package local_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/local"
)

// share starts the servers as `konstruct dev` does and returns PostgreSQL's URL.
func share(t *testing.T, place string) (*local.Share, string) {
	t.Helper()
	var dsn string
	s, err := local.NewShare(t.Context(), place, nil, func() error {
		up, err := local.StartDetached(t.Context(), local.DetachedOptions{
			Folder: place, Redis: local.RedisOptions{Kind: local.Miniredis},
		})
		if err == nil {
			dsn = up.Postgres.SuperuserDSN()
		}
		return err
	})
	require.NoError(t, err)
	return s, dsn
}

func TestTheLastOfAShareStopsTheServers(t *testing.T) {
	t.Parallel()
	place := folder(t)
	first, dsn := share(t, place)
	second, same := share(t, place)
	require.Equal(t, dsn, same)

	require.NoError(t, first.Leave(t.Context()))
	require.Equal(t, "1", query(t, dsn, "SELECT '1'"), "the second still uses it")
	require.NoError(t, second.Leave(t.Context()))
	_, err := pgx.Connect(t.Context(), dsn)
	require.Error(t, err)
}

func TestAStartThatFailsLeavesTheShare(t *testing.T) {
	t.Parallel()
	place := folder(t)
	_, err := local.NewShare(t.Context(), place, nil, func() error { return os.ErrInvalid })
	require.ErrorIs(t, err, os.ErrInvalid)
	s, dsn := share(t, place)
	require.NoError(t, s.Leave(t.Context()))
	_, err = pgx.Connect(t.Context(), dsn)
	require.Error(t, err, "a failed start must not count as a user")
}

func TestTheGuardStopsWhatAKilledProcessUsed(t *testing.T) {
	t.Parallel()
	place := folder(t)
	killed := exec.CommandContext(t.Context(), os.Args[0])
	killed.Env = append(os.Environ(), role+"=share", shareFolder+"="+place)
	out, err := killed.Output()
	require.Error(t, err, "the process kills itself")
	dsn := string(out)
	require.Contains(t, dsn, "postgres://")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(place, "postgres", "data", "postmaster.pid"))
		return os.IsNotExist(err)
	}, 20*time.Second, 50*time.Millisecond, "the guard must stop the server")
	_, err = pgx.Connect(t.Context(), dsn)
	require.Error(t, err)
}

// shareFolder is for the roles "share" and "guard".
const shareFolder = "KONSTRUCT_LOCAL_TEST_FOLDER"

// shareAndDie prints the URL of a shared server and exits without leaving it.
func shareAndDie(place string) error {
	guard := []string{"/usr/bin/env", role + "=guard", os.Args[0]}
	_, err := local.NewShare(context.Background(), place, guard, func() error {
		up, err := local.StartDetached(context.Background(), local.DetachedOptions{
			Folder: place, Redis: local.RedisOptions{Kind: local.Miniredis},
		})
		if err != nil {
			return err
		}
		_, err = os.Stdout.WriteString(up.Postgres.SuperuserDSN())
		return err
	})
	if err != nil {
		return err
	}
	self, err := os.FindProcess(os.Getpid())
	return errors.Join(err, self.Kill())
}
