package local

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/konstruct/konstruct/local/flock"
)

const (
	// sweepAfter spares throwaway folders that another process is creating.
	sweepAfter = time.Minute
	// logTail bounds the log in errors, in bytes.
	logTail = 2000
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
	// life is locked while a temporary folder is in use; sweep removes the others.
	life *flock.File
}

// startIn calls start with the lock of the folder path, or of a temporary one if path is empty.
func startIn[S any](
	ctx context.Context, acc account, path, name string, start func(*home) (S, error),
) (server S, err error) {
	h := &home{path: path, account: acc}
	if path == "" {
		err = h.openTemporary(ctx, "konstruct-"+name+"-")
	} else if h.path, err = filepath.Abs(path); err == nil {
		err = h.secure()
	}
	if err != nil {
		return server, err
	}
	defer func() {
		if err != nil && h.life != nil {
			_ = h.remove()
		}
	}()
	lock, err := flock.Lock(ctx, h.file("lock"))
	if err != nil {
		return server, err
	}
	defer func() { _ = lock.Unlock() }()
	return start(h)
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

func (h *home) openTemporary(ctx context.Context, pattern string) (err error) {
	sweep(ctx, pattern)
	if h.path, err = os.MkdirTemp("", pattern); err != nil {
		return err
	}
	h.life, err = flock.Share(ctx, h.file("life"))
	if err == nil {
		err = h.secure()
	}
	if err != nil {
		err = errors.Join(err, h.remove())
	}
	return err
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
		h := &home{path: path}
		life, free, err := flock.Try(h.file("life"))
		if err != nil || !free {
			continue
		}
		if _, err := h.stopRecorded(ctx); err == nil {
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

func (h *home) recordFile() string { return h.file("process.json") }

// recorded returns the server's process and whether it runs. A file truncated in a crash counts as missing.
func (h *home) recorded() (r record, alive bool, err error) {
	content, err := os.ReadFile(h.recordFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return r, false, err
	}
	if json.Unmarshal(content, &r) != nil {
		return record{}, false, nil //nolint:nilerr // as if missing
	}
	alive, err = r.alive()
	return r, alive, err
}

// adopt records a running server whose record is missing or damaged.
func (h *home) adopt(pid int) error {
	r, err := recordOf(pid)
	if err != nil {
		return err
	}
	return r.write(h.recordFile())
}

// launch starts a server with its log and record in the folder. It truncates the log, which could fill the disk.
func (h *home) launch(cmd *exec.Cmd, lastSignal syscall.Signal) (*process, error) {
	log, err := os.OpenFile(h.file("server.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	h.account.runAs(cmd, lastSignal)
	p, err := launch(cmd)
	if err != nil {
		return nil, err
	}
	return p, p.record.write(h.recordFile())
}

// awaitReady repeats check, which returns [ErrPassword] if there is no point in waiting.
func (h *home) awaitReady(
	ctx context.Context, p *process, server string, port int, check func(context.Context) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := check(ctx)
		switch {
		case p.ended():
			return explainEnd(server, port, h.tail())
		case err == nil, errors.Is(err, ErrPassword):
			return err
		}
		if pause(ctx) != nil {
			return fmt.Errorf("%w: %s does not respond: %w (%w); its log ends with:\n%s",
				ErrNotReady, server, ctx.Err(), err, h.tail())
		}
	}
}

// stop ends a server and removes its temporary folder.
func (h *home) stop(ctx context.Context, p *process, server string) error {
	if err := p.stop(ctx, stopFast); err != nil {
		return fmt.Errorf("stop %s: %w", server, err)
	}
	if h.life != nil {
		return h.remove()
	}
	return nil
}

// secret returns the stored password, or stores the given or a random one.
func (h *home) secret(given string) (string, error) {
	path := h.file("password")
	stored, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(stored) > 0 {
		return string(stored), err
	}
	given = cmp.Or(given, rand.Text())
	return given, ReplaceFile(path, []byte(given))
}

func (h *home) tail() string {
	content, err := os.ReadFile(h.file("server.log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content[max(0, len(content)-logTail):]))
}

func (h *home) remove() error {
	err := os.RemoveAll(h.path)
	if h.life != nil {
		err = errors.Join(err, h.life.Unlock())
		h.life = nil
	}
	return err
}

// stopRecorded reports whether the recorded server was running.
func (h *home) stopRecorded(ctx context.Context) (bool, error) {
	r, alive, err := h.recorded()
	if err != nil || !alive {
		return false, err
	}
	if err := r.end(ctx, stopFast); err != nil {
		return false, err
	}
	return true, os.Remove(h.recordFile())
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
