package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/konstruct/konstruct/local/flock"
)

const (
	// sweepAfter spares throwaway folders that another process is creating.
	sweepAfter = time.Minute
	// logTail bounds the log in errors, in bytes.
	logTail    = 2000
	recordName = "process.json"
)

// DefaultFolder returns $XDG_DATA_HOME/konstruct or ~/.local/share/konstruct, or for root /var/lib/konstruct, because
// the servers' user has no access to /root.
func DefaultFolder() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/konstruct", nil
	}
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "konstruct"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrFolder, err)
	}
	return filepath.Join(user, ".local", "share", "konstruct"), nil
}

// home is the folder of one server. Only the current user can write to it, so its files cannot be replaced by symlinks.
// The server writes to subfolders that its account owns.
type home struct {
	path    string
	account account
	// life is locked while a throwaway folder is in use; sweep removes the others.
	life *flock.File
}

// openHome creates or reuses path. Without a path, throwaway uses [os.TempDir].
func openHome(ctx context.Context, acc account, path, fallback string, throwaway bool) (*home, error) {
	switch {
	case path == "" && throwaway:
		return temporaryHome(ctx, acc, fallback)
	case path == "":
		base, err := DefaultFolder()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(base, fallback)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	h := &home{path: path, account: acc}
	if err := h.secure(); err != nil {
		return nil, err
	}
	return h, nil
}

// OwnFolder creates folder and its parents, or checks that the current user owns it. Others have no access, but root's
// server user can pass through it. The errors are [ErrForeignFolder], [ErrUnreachable], and system errors.
func OwnFolder(folder string) error {
	acc, err := servingAccount()
	if err != nil {
		return err
	}
	return (&home{path: folder, account: acc}).secure()
}

func temporaryHome(ctx context.Context, acc account, name string) (*home, error) {
	pattern := "konstruct-" + name + "-"
	sweep(ctx, pattern)
	path, err := os.MkdirTemp("", pattern)
	if err != nil {
		return nil, err
	}
	h := &home{path: path, account: acc}
	if h.life, err = flock.Share(ctx, h.file("life")); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	if err := h.secure(); err != nil {
		return nil, errors.Join(err, h.remove())
	}
	return h, nil
}

// sweep stops and removes servers of crashed processes. Errors are ignored.
func sweep(ctx context.Context, pattern string) {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), pattern+"*"))
	if err != nil {
		return
	}
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || time.Since(info.ModTime()) < sweepAfter || checkFolder(path, os.Geteuid()) != nil {
			continue
		}
		life, free, err := flock.Try(filepath.Join(path, "life"))
		if err != nil || !free {
			continue
		}
		if _, err := stopServer(ctx, path); err == nil {
			_ = os.RemoveAll(path)
		}
		_ = life.Unlock()
	}
}

// mode lets a switched account pass through, but neither list nor read.
func (h *home) mode() os.FileMode {
	if h.account.switched {
		return 0o711
	}
	return 0o700
}

func (h *home) secure() error {
	if err := makeFolder(h.path, h.mode()); err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	if err := checkFolder(h.path, os.Geteuid()); err != nil {
		return err
	}
	if err := os.Chmod(h.path, h.mode()); err != nil {
		return err
	}
	return h.account.checkReach(h.path)
}

// makeFolder creates path and missing parents with mode regardless of the umask, for the servers' user.
func makeFolder(path string, mode os.FileMode) error {
	_, err := os.Stat(path)
	missing := errors.Is(err, os.ErrNotExist)
	if missing {
		if err := makeFolder(filepath.Dir(path), mode); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(path, mode); err != nil || !missing {
		return err
	}
	return os.Chmod(path, mode)
}

func (h *home) file(name string) string { return filepath.Join(h.path, name) }

func (h *home) recordFile() string { return h.file(recordName) }

// adopt records a running server whose record is missing or damaged.
func (h *home) adopt(pid int) error {
	kept, err := readRecord(h.recordFile())
	if err != nil {
		return err
	}
	if alive, err := kept.alive(); err != nil || alive {
		return err
	}
	r, err := recordOf(pid)
	if err != nil {
		return err
	}
	return r.write(h.recordFile())
}

func (h *home) lock(ctx context.Context) (*flock.File, error) {
	return flock.Lock(ctx, h.file("lock"))
}

// secret returns the stored password, or stores the given or a random one.
func (h *home) secret(given string) (string, error) {
	path := h.file("password")
	kept, err := os.ReadFile(path)
	if err == nil && len(kept) > 0 {
		return string(kept), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if given == "" {
		given = rand.Text()
	}
	return given, ReplaceFile(path, []byte(given))
}

// log truncates the server's log, so that it does not fill the disk.
func (h *home) log() (*os.File, error) {
	return os.OpenFile(h.file("server.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND|noFollow, 0o600)
}

func (h *home) tail() string {
	content, err := os.ReadFile(h.file("server.log"))
	if err != nil {
		return err.Error()
	}
	if len(content) > logTail {
		content = content[len(content)-logTail:]
	}
	return strings.TrimSpace(string(content))
}

func (h *home) remove() error {
	err := os.RemoveAll(h.path)
	if h.life != nil {
		err = errors.Join(err, h.life.Unlock())
		h.life = nil
	}
	return err
}

// stopServer stops the server recorded in folder and reports whether one was running.
func stopServer(ctx context.Context, folder string) (bool, error) {
	path := filepath.Join(folder, recordName)
	r, err := readRecord(path)
	if err != nil {
		return false, err
	}
	alive, err := r.alive()
	if err != nil || !alive {
		return false, err
	}
	if err := r.end(ctx, stopFast); err != nil {
		return false, err
	}
	return true, os.Remove(path)
}

// ReplaceFile atomically writes a file with mode 0600: readers see the old or the new content, even after a power
// failure.
func ReplaceFile(path string, content []byte) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	_, err = draft.Write(content)
	if err == nil {
		err = draft.Sync()
	}
	if err := errors.Join(err, draft.Close()); err != nil {
		return errors.Join(err, os.Remove(draft.Name()))
	}
	return os.Rename(draft.Name(), path)
}
