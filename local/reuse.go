package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// postmasterPID is what a running PostgreSQL writes into its data folder, as far as it matters here:
// line 1 its pid, line 4 its port, line 5 its socket's folder.
type postmasterPID struct {
	pid, port int
	socketDir string
}

func (c *cluster) pidPath() string { return filepath.Join(c.dataDir(), "postmaster.pid") }

// readPID reports whether there is such a file, whole and readable.
func (c *cluster) readPID() (found postmasterPID, whole bool, err error) {
	content, err := os.ReadFile(c.pidPath())
	if errors.Is(err, os.ErrNotExist) {
		return found, false, nil
	}
	if err != nil {
		return found, false, err
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 6 {
		return found, false, nil
	}
	pid, pidErr := strconv.Atoi(lines[0])
	port, portErr := strconv.Atoi(lines[3])
	found = postmasterPID{pid: pid, port: port, socketDir: lines[4]}
	return found, pidErr == nil && portErr == nil, nil
}

// damagedAfter is how long a starting server may take to write its postmaster.pid: later, the file is damaged.
const damagedAfter = 5 * time.Second

// running returns the server that already runs on the data, or nil. One that is just starting or stopping is
// waited for, and one whose postmaster.pid is damaged is ended.
func (c *cluster) running(ctx context.Context) (*Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for damaged := time.Now().Add(damagedAfter); ; {
		pg, err := c.connectRunning(ctx)
		if pg != nil || err != nil {
			return pg, err
		}
		r, err := readRecord(c.home.recordFile())
		if err != nil {
			return nil, err
		}
		if alive, err := r.alive(); err != nil || !alive {
			return nil, err
		}
		if _, whole, err := c.readPID(); err != nil || !whole && time.Now().After(damaged) {
			return nil, errors.Join(err, r.end(ctx, stopFast))
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("%w: process %d runs on %s but does not answer: %w", ErrNotReady, r.PID, c.dataDir(), err)
		}
	}
}

// connectRunning tries the port in postmaster.pid. The file may be stale and the port another server's by now:
// whatever does not answer as the server of this data is not it.
func (c *cluster) connectRunning(ctx context.Context) (*Postgres, error) {
	found, whole, err := c.readPID()
	if err != nil || !whole {
		return nil, err
	}
	pg := c.server(found.port, found.socketDir)
	pg.Reused = true
	if err := c.check(ctx, pg); err != nil {
		return nil, c.judge(found, err)
	}
	if c.opt.Port != 0 && c.opt.Port != found.port {
		return nil, fmt.Errorf("%s is already served on port %d, not on %d: stop that server first", c.dataDir(), found.port, c.opt.Port)
	}
	return pg, errors.Join(c.adoptPassword(ctx, pg), c.home.adopt(found.pid))
}

// judge tells a running server that refuses the password from a stale file; a dead pid is always stale.
func (c *cluster) judge(found postmasterPID, fault error) error {
	started, err := startOf(found.pid)
	if err != nil || started == "" || !errors.Is(fault, ErrPassword) {
		return err
	}
	return fmt.Errorf("process %d seems to serve %s on port %d: %w", found.pid, c.dataDir(), found.port, fault)
}

// clearStaleSockets removes what a killed server has left in its socket's folder: PostgreSQL refuses to start over a lock
// file whose pid is another program's by now, or a zombie's.
func (c *cluster) clearStaleSockets() error {
	left, err := filepath.Glob(filepath.Join(c.home.file("run"), ".s.PGSQL.*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// clearStalePID makes PostgreSQL start over a postmaster.pid whose pid is another program's by now. PostgreSQL itself
// recognises only dead pids as stale, and its parent's: so the pid becomes ours. The rest of the file stays, because
// PostgreSQL uses it to make sure that no process of the former server still writes to the data.
func (c *cluster) clearStalePID() error {
	root, err := os.OpenRoot(c.dataDir())
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	content, err := root.ReadFile("postmaster.pid")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, rest, whole := strings.Cut(string(content), "\n")
	if !whole {
		return root.Remove("postmaster.pid")
	}
	return root.WriteFile("postmaster.pid", []byte(strconv.Itoa(os.Getpid())+"\n"+rest), 0o600)
}
