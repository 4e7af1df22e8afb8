package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeServer makes a folder of programs that print a version.
func fakeServer(t *testing.T, version string, without ...string) string {
	t.Helper()
	root, err := os.MkdirTemp("", "konstruct-fake-") //nolint:usetesting // not reachable by the servers
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	require.NoError(t, os.Chmod(root, 0o755))
	for _, name := range programs() {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(script), 0o755))
	}
	for _, name := range without {
		require.NoError(t, os.Remove(filepath.Join(root, name)))
	}
	return root
}

var errOffline = errors.New("offline")

func testFinder(t *testing.T, folders ...string) finder {
	t.Helper()
	acc, err := servingAccount()
	require.NoError(t, err)
	return finder{
		account:  acc,
		path:     filepath.Join(t.TempDir(), "nothing"),
		patterns: folders,
		download: func(context.Context, int) (string, error) { return "", errOffline },
	}
}

// noConfig hides pg_config, which would add a folder.
func noConfig(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", "/bin/none")
}

//nolint:paralleltest // it sets the PATH
func TestFind(t *testing.T) {
	noConfig(t)
	old, middle, newest := fakeServer(t, "14.2"), fakeServer(t, "15.13 (Debian 15.13-0+deb12u1)"),
		fakeServer(t, "17beta1")
	lone, downloaded := fakeServer(t, "18.1", "initdb"), fakeServer(t, "16.1")
	link := t.TempDir()
	majors := map[string]int{middle: 15, link: 15, downloaded: 16, newest: 17}
	require.NoError(t, os.Symlink(filepath.Join(middle, "postgres"), filepath.Join(link, "postgres")))

	for name, tt := range map[string]struct {
		folders  []string
		major    int
		explicit string
		online   bool
		want     string
	}{
		"newest":                                {[]string{middle, newest}, 0, "", true, newest},
		"major of the data":                     {[]string{newest, middle}, 15, "", true, middle},
		"newest if the data's major is missing": {[]string{middle, newest}, 16, "", false, newest},
		"download of the data's major":          {[]string{middle, newest}, 16, "", true, downloaded},
		"too old":                               {[]string{old, middle}, 0, "", true, middle},
		"only postgres":                         {[]string{lone, middle}, 0, "", true, middle},
		"symlink to postgres":                   {[]string{link}, 0, "", true, middle},
		"only the explicit folder":              {[]string{newest}, 0, middle, true, middle},
	} {
		t.Run(name, func(t *testing.T) {
			f := testFinder(t, tt.folders...)
			f.explicit = tt.explicit
			if tt.online {
				f.download = func(_ context.Context, major int) (string, error) {
					require.Equal(t, 16, major)
					return downloaded, nil
				}
			}
			found, err := f.find(t.Context(), tt.major)
			require.NoError(t, err)
			require.Equal(t, tt.want, found.folder)
			require.Equal(t, majors[tt.want], found.major)
		})
	}
}

//nolint:paralleltest // it sets the PATH
func TestFindExplains(t *testing.T) {
	noConfig(t)
	old, lone := fakeServer(t, "14.2"), fakeServer(t, "16.1", "initdb")
	_, err := testFinder(t, old, lone).find(t.Context(), 0)
	require.ErrorIs(t, err, ErrNoBinaries)
	require.ErrorIs(t, err, errOffline)
	require.ErrorContains(t, err, BinariesVariable)
	require.ErrorContains(t, err, "14.2 is too old")
	require.ErrorContains(t, err, filepath.Join(lone, "initdb"))
}

func TestFindLooksOnlyIntoAnExplicitFolder(t *testing.T) {
	t.Parallel()
	f := testFinder(t, fakeServer(t, "16.1"))
	f.explicit = fakeServer(t, "16.1", "pg_ctl")
	_, err := f.find(t.Context(), 0)
	require.ErrorIs(t, err, ErrNoBinaries)
	require.ErrorContains(t, err, "pg_ctl")
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]binaries{
		"postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n": {version: "15.13", major: 15},
		"postgres (PostgreSQL) 18beta2\n":                        {version: "18beta2", major: 18},
		"postgres (PostgreSQL) 19devel\n":                        {version: "19devel", major: 19},
	} {
		got, err := parseVersion("", told)
		require.NoError(t, err, told)
		require.Equal(t, want, got)
	}
	for _, told := range []string{"", "postgres", "postgres (EnterpriseDB) 15.1", "postgres (PostgreSQL) 9.6.24"} {
		_, err := parseVersion("", told)
		require.Error(t, err, told)
	}
}

func TestMayEnter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.Mkdir(path, 0o700))
	uid, gid := os.Geteuid(), os.Getegid()
	for name, tt := range map[string]struct {
		mode     os.FileMode
		uid, gid int
		want     bool
	}{
		"owner":                 {0o700, uid, gid, true},
		"owner without access":  {0o077, uid, gid, false},
		"group":                 {0o710, uid + 1, gid, true},
		"group without access":  {0o701, uid + 1, gid, false},
		"others":                {0o711, uid + 1, gid + 1, true},
		"others without access": {0o744, uid + 1, gid + 1, false},
	} {
		require.NoError(t, os.Chmod(path, tt.mode))
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, tt.want, account{uid: tt.uid, gid: tt.gid}.mayEnter(info), name)
	}
	require.NoError(t, os.Chmod(path, 0o700))
}

func TestCheckReachNamesTheFolder(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.MkdirAll(filepath.Join(closed, "inner"), 0o755))
	require.NoError(t, os.Chmod(closed, 0o700))
	stranger := account{name: "the user nobody", uid: 64321, gid: 64321, switched: true}

	err := stranger.checkReach(filepath.Join(closed, "inner"))
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, "the user nobody")
	require.ErrorContains(t, err, "cannot enter "+closed+":")
	require.NoError(t, stranger.checkReach("/"))
}

func TestCheckFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, link := filepath.Join(folder, "file"), filepath.Join(folder, "link")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Symlink(folder, link))

	require.NoError(t, checkFolder(folder, os.Geteuid()))
	require.ErrorIs(t, checkFolder(folder, os.Geteuid()+1), ErrForeignFolder)
	require.ErrorIs(t, checkFolder(file, os.Geteuid()), ErrForeignFolder)
	require.ErrorIs(t, checkFolder(link, os.Geteuid()), ErrForeignFolder)
}
