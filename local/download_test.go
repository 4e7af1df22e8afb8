package local

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakePrograms has a postgres that prints version 16.9. initdb and pg_ctl fail.
//
//go:embed testdata/programs.txz
var fakePrograms []byte

// repository is a Maven repository that counts downloads.
type repository struct {
	*httptest.Server

	archives     atomic.Int32
	sha256, sha1 bool // which checksums it has
}

func serve(t *testing.T, answer func(w http.ResponseWriter, archive []byte)) *repository {
	t.Helper()
	var jar bytes.Buffer
	writer := zip.NewWriter(&jar)
	entry, err := writer.Create("postgres.txz")
	require.NoError(t, err)
	_, err = entry.Write(fakePrograms)
	require.NoError(t, err)
	require.NoError(t, writer.Close())

	repo := &repository{sha256: true}
	repo.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch suffix := path.Ext(r.URL.Path); {
		case suffix == ".sha256" && repo.sha256:
			_, _ = fmt.Fprintf(w, "%x", sha256.Sum256(jar.Bytes()))
			return
		case suffix == ".sha1" && repo.sha1:
			_, _ = fmt.Fprintf(w, "%x\n", sha1.Sum(jar.Bytes()))
			return
		case suffix != ".jar":
			http.NotFound(w, r)
			return
		}
		repo.archives.Add(1)
		answer(w, jar.Bytes())
	}))
	t.Cleanup(repo.Close)
	return repo
}

func whole(w http.ResponseWriter, archive []byte) { _, _ = w.Write(archive) }

func TestDownloadIsUnpackedOnce(t *testing.T) {
	t.Parallel()
	repo := serve(t, whole)
	d := downloader{folder: filepath.Join(t.TempDir(), "programs"), mode: 0o755, repository: repo.URL}

	folder, err := d.get(t.Context(), 16)
	require.NoError(t, err)
	require.NoError(t, complete(filepath.Dir(folder)))
	again, err := d.get(t.Context(), 16)
	require.NoError(t, err)
	require.Equal(t, folder, again)
	require.EqualValues(t, 1, repo.archives.Load())

	drafts, err := filepath.Glob(filepath.Join(d.folder, "draft-*"))
	require.NoError(t, err)
	require.Empty(t, drafts)
}

//nolint:paralleltest // it sets the PATH
func TestDownloadedProgramsAreUsable(t *testing.T) {
	noConfig(t)
	root, err := os.MkdirTemp("", "konstruct-download-") //nolint:usetesting // not reachable by the servers
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(root)) })
	require.NoError(t, os.Chmod(root, 0o711))
	d := downloader{folder: filepath.Join(root, "programs"), mode: 0o711, repository: serve(t, whole).URL}

	f := testFinder(t)
	f.download = d.get
	found, err := f.find(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, "16.9", found.version)
}

func TestFailedDownloads(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, []byte)
		want   string
	}{
		"missing":    {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) }, "404 Not Found"},
		"tampered":   {func(w http.ResponseWriter, a []byte) { _, _ = w.Write(append(a, 0)) }, "checksum mismatch"},
		"no archive": {func(w http.ResponseWriter, _ []byte) { _, _ = w.Write(nil) }, "download PostgreSQL 16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := downloader{folder: t.TempDir(), mode: 0o755, repository: serve(t, tt.answer).URL}
			_, err := d.get(t.Context(), 16)
			require.ErrorContains(t, err, tt.want)
			left, err := filepath.Glob(filepath.Join(d.folder, "*postgresql*"))
			require.NoError(t, err)
			require.Empty(t, left, "a failed download must leave nothing")
		})
	}
	for name, tt := range map[string]struct {
		repository string
		major      int
		want       string
	}{
		"unreachable":     {"http://127.0.0.1:1", 16, "connection refused"},
		"unknown version": {"", 14, "no PostgreSQL 14 to download"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := downloader{folder: t.TempDir(), mode: 0o755, repository: tt.repository}.get(t.Context(), tt.major)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestDownloadWithoutSHA256(t *testing.T) {
	t.Parallel()
	repo := serve(t, whole)
	repo.sha256 = false
	d := downloader{folder: t.TempDir(), mode: 0o755, repository: repo.URL}
	_, err := d.get(t.Context(), 16)
	require.ErrorContains(t, err, "404 Not Found")
	repo.sha1 = true
	_, err = d.get(t.Context(), 16)
	require.NoError(t, err)
}

func TestUntarStaysInItsFolder(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]tar.Header{
		"parent folder":    {Name: "../escaped", Typeflag: tar.TypeReg, Mode: 0o644},
		"absolute path":    {Name: "/tmp/escaped", Typeflag: tar.TypeReg, Mode: 0o644},
		"through a link":   {Name: "out/escaped", Typeflag: tar.TypeReg, Mode: 0o644},
		"inside (allowed)": {Name: "lib/inside", Typeflag: tar.TypeReg, Mode: 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var archive bytes.Buffer
			writer := tar.NewWriter(&archive)
			require.NoError(t, writer.WriteHeader(&tar.Header{Name: "out", Linkname: "..", Typeflag: tar.TypeSymlink}))
			require.NoError(t, writer.WriteHeader(&header))
			require.NoError(t, writer.Close())
			parent := t.TempDir()
			folder := filepath.Join(parent, "draft")
			require.NoError(t, os.Mkdir(folder, 0o755))
			err := untar(tar.NewReader(&archive), folder)
			require.NoFileExists(t, filepath.Join(parent, "escaped"))
			if name == "inside (allowed)" {
				require.NoError(t, err)
				require.FileExists(t, filepath.Join(folder, "lib", "inside"))
			} else {
				require.Error(t, err)
			}
		})
	}
}

func TestDownloadIsCanceled(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	repo := serve(t, func(http.ResponseWriter, []byte) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := downloader{folder: t.TempDir(), mode: 0o755, repository: repo.URL}.get(ctx, 16)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
