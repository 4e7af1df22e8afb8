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

// postmasterPID has lines 1, 4 and 5 of postmaster.pid.
type postmasterPID struct {
	pid, port int
	socketDir string
}

// readPID returns whole = false if postmaster.pid is missing or incomplete.
func (c *cluster) readPID() (found postmasterPID, whole bool, err error) {
	content, err := os.ReadFile(filepath.Join(c.dataDir(), "postmaster.pid"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
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

// damagedAfter bounds the time in which a starting server completes postmaster.pid.
const damagedAfter = 5 * time.Second

// running returns the running server of the data, or nil. It waits for a starting or stopping server, and stops one
// with a damaged postmaster.pid.
func (c *cluster) running(ctx context.Context) (*Postgres, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for damaged := time.Now().Add(damagedAfter); ; {
		pg, err := c.connectRunning(ctx)
		if pg != nil || err != nil {
			return pg, err
		}
		r, alive, err := c.home.recorded()
		if err != nil || !alive {
			return nil, err
		}
		if _, whole, err := c.readPID(); err != nil || !whole && time.Now().After(damaged) {
			return nil, errors.Join(err, r.end(ctx, stopFast))
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("%w: process %d serves %s but does not respond: %w",
				ErrNotReady, r.PID, c.dataDir(), err)
		}
	}
}

// connectRunning connects to the port in postmaster.pid. The file can be stale, so it returns nil for a server of other
// data.
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
		return nil, fmt.Errorf("a server of %s is running on port %d instead of %d; stop it first",
			c.dataDir(), found.port, c.opt.Port)
	}
	return pg, errors.Join(c.adoptPassword(ctx, pg), c.home.adopt(found.pid))
}

// judge distinguishes a running server that rejects the password from a stale file.
func (c *cluster) judge(found postmasterPID, fault error) error {
	started, err := startOf(found.pid)
	if err != nil || started == "" || !errors.Is(fault, ErrPassword) {
		return err
	}
	return fmt.Errorf("process %d may serve %s on port %d: %w", found.pid, c.dataDir(), found.port, fault)
}

// clearStaleSockets removes the sockets of a killed server. PostgreSQL does not start if their lock file has the pid of
// another program or a zombie.
func (c *cluster) clearStaleSockets() error {
	left, err := filepath.Glob(filepath.Join(c.home.file("run"), ".s.PGSQL.*"))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// clearStalePID writes the pid of this process into a stale postmaster.pid, because PostgreSQL treats only dead pids
// and its parent's as stale. The rest is kept, because PostgreSQL uses it to detect remaining backends.
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
