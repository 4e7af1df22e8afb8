package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	embedded "github.com/fergusstrange/embedded-postgres"

	"github.com/konstruct/konstruct/local/flock"
)

// downloads are the versions that can be had, by major; 0 is what one without data gets.
func downloads() map[int]embedded.PostgresVersion {
	return map[int]embedded.PostgresVersion{
		0:  embedded.V16,
		15: embedded.V15,
		16: embedded.V16,
		17: embedded.V17,
		18: embedded.V18,
	}
}

// downloader obtains PostgreSQL through embedded-postgres and keeps it in a folder.
//
// That library only knows how to run a whole server, and cannot drop root. It is made to fetch, check and unpack, and
// then to fail before any downloaded program runs: the server is ours to start.
type downloader struct {
	folder string
	mode   os.FileMode
	// repository is the address of another source of the archives; empty for the library's own.
	repository string
}

// get returns the folder of the programs, downloading them at the first call.
func (d downloader) get(ctx context.Context, major int) (string, error) {
	version, known := downloads()[major]
	if !known {
		return "", fmt.Errorf("no PostgreSQL %d to download", major)
	}
	if err := makeFolder(d.folder, d.mode); err != nil {
		return "", err
	}
	lock, err := flock.Lock(ctx, filepath.Join(d.folder, "download.lock"))
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Unlock() }()

	target := filepath.Join(d.folder, "postgresql-"+string(version))
	if complete(target) == nil {
		return filepath.Join(target, "bin"), nil
	}
	if err := d.fetch(ctx, version, target); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	return filepath.Join(target, "bin"), nil
}

// fetch unpacks beside the target first, so that an interrupted download is never taken for a whole one.
func (d downloader) fetch(ctx context.Context, version embedded.PostgresVersion, target string) error {
	draft, err := os.MkdirTemp(d.folder, "draft-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()

	config := embedded.DefaultConfig().
		Version(version).
		Port(0).
		CachePath(filepath.Join(draft, "archive")).
		RuntimePath(filepath.Join(draft, "run")).
		BinariesPath(filepath.Join(draft, "programs")).
		Locale(unstartable).
		Logger(io.Discard)
	if d.repository != "" {
		config = config.BinaryRepositoryURL(d.repository)
	}
	if err := startInVain(ctx, config); err != nil {
		return err
	}
	if err := complete(filepath.Join(draft, "programs")); err != nil {
		return err
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(filepath.Join(draft, "programs"), target)
}

// unstartable is a locale that no process can be given as an argument: initdb, the step after unpacking, fails in
// exec itself.
const unstartable = "\x00"

// startInVain runs the library up to its initdb. The library knows no context: when ctx ends, what it does is left
// to itself in a folder that nobody reads any more.
func startInVain(ctx context.Context, config embedded.Config) error {
	failed := make(chan error, 1)
	go func() { failed <- embedded.NewDatabase(config).Start() }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-failed:
		if err == nil {
			return errors.New("the library started a server, which it was not to")
		}
		if strings.Contains(err.Error(), "unable to init database") {
			return nil
		}
		return err
	}
}

func complete(target string) error {
	for _, name := range programs() {
		if _, err := os.Stat(filepath.Join(target, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}
