package local_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/local"
)

// share starts the servers as `konstruct dev` does and returns PostgreSQL's URL.
func share(t *testing.T, place string) (*local.Share, string) {
	t.Helper()
	s, dsn, err := newShare(t.Context(), place, nil)
	require.NoError(t, err)
	return s, dsn
}

func newShare(ctx context.Context, place string, guard []string) (s *local.Share, dsn string, err error) {
	s, err = local.NewShare(ctx, place, guard, func() error {
		up, err := local.StartDetached(ctx, local.DetachedOptions{Folder: place, Only: []string{local.PostgresService}})
		if err == nil {
			dsn = up.Postgres.SuperuserDSN()
		}
		return err
	})
	return s, dsn, err
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
	requireStopped(t, dsn)
}

func TestAStartThatFailsLeavesTheShare(t *testing.T) {
	t.Parallel()
	place := folder(t)
	_, err := local.NewShare(t.Context(), place, nil, func() error { return os.ErrInvalid })
	require.ErrorIs(t, err, os.ErrInvalid)
	s, dsn := share(t, place)
	require.NoError(t, s.Leave(t.Context()))
	requireStopped(t, dsn) // the failed start does not count as a user
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
	requireEnds(t, filepath.Join(place, "postgres"), "the guard must stop the server")
	requireStopped(t, dsn)
}

// shareFolder is for the roles "share" and "guard".
const shareFolder = "KONSTRUCT_LOCAL_TEST_FOLDER"

// shareAndDie prints the URL of a shared server and exits without leaving it.
func shareAndDie(place string) error {
	guard := []string{"/usr/bin/env", role + "=guard", os.Args[0]}
	_, dsn, err := newShare(context.Background(), place, guard)
	if err != nil {
		return err
	}
	return die(dsn)
}
