package local

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakePrograms is what a download unpacks to: initdb and pg_ctl that fail, and a postgres that says 16.9.
//
//go:embed testdata/programs.txz
var fakePrograms []byte

// repository serves the archive as embedded-postgres expects it, and counts how often.
type repository struct {
	*httptest.Server

	archives atomic.Int32
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

	repo := &repository{}
	repo.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			sum := sha256.Sum256(jar.Bytes())
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
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
func TestDownloadedProgramsAreFoundFit(t *testing.T) {
	noConfig(t)
	root, err := os.MkdirTemp("", "konstruct-download-") //nolint:usetesting // the servers' user cannot reach t.TempDir
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
		"not there":  {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) }, "no version found matching 16"},
		"tampered":   {func(w http.ResponseWriter, a []byte) { _, _ = w.Write(append(a, 0)) }, "checksums do not match"},
		"no archive": {func(w http.ResponseWriter, _ []byte) { _, _ = w.Write(nil) }, "download PostgreSQL 16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := downloader{folder: t.TempDir(), mode: 0o755, repository: serve(t, tt.answer).URL}
			_, err := d.get(t.Context(), 16)
			require.ErrorContains(t, err, tt.want)
			left, err := filepath.Glob(filepath.Join(d.folder, "*postgresql*"))
			require.NoError(t, err)
			require.Empty(t, left, "a failed download leaves nothing that looks like a whole one")
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		t.Parallel()
		d := downloader{folder: t.TempDir(), mode: 0o755, repository: "http://127.0.0.1:1"}
		_, err := d.get(t.Context(), 16)
		require.ErrorContains(t, err, "unable to connect")
	})
	t.Run("a version that nobody offers", func(t *testing.T) {
		t.Parallel()
		_, err := downloader{folder: t.TempDir(), mode: 0o755}.get(t.Context(), 14)
		require.ErrorContains(t, err, "no PostgreSQL 14 to download")
	})
}

func TestADownloadIsGivenUpWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	repo := serve(t, func(http.ResponseWriter, []byte) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := downloader{folder: t.TempDir(), mode: 0o755, repository: repo.URL}.get(ctx, 16)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
