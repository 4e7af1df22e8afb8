package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

type redisServer struct {
	home    *home
	opt     RedisOptions
	kind    RedisKind
	command func(port int, password string) (*exec.Cmd, error)
}

func startRedisServer(ctx context.Context, program string, opt RedisOptions) (*Redis, error) {
	acc, err := servingAccount()
	if err != nil {
		return nil, err
	}
	h, err := openHome(ctx, acc, opt.Folder, "redis", opt.Throwaway)
	if err != nil {
		return nil, err
	}
	s := &redisServer{home: h, opt: opt, kind: RedisServer}
	s.command = s.program(program)
	redis, err := s.start(ctx)
	if err != nil && h.life != nil {
		_ = h.remove()
	}
	return redis, err
}

func (s *redisServer) start(ctx context.Context) (*Redis, error) {
	lock, err := s.home.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Unlock() }()

	password := s.opt.Password
	if password == "" {
		if password, err = s.home.secret(""); err != nil {
			return nil, err
		}
	}
	if running, err := s.running(ctx, password); running != nil || err != nil {
		return running, err
	}
	return onPort(s.opt.Port, func(port int) (*Redis, error) { return s.startOn(ctx, port, password) })
}

// running returns the folder's running server, or nil. It stops a server that accepts neither the given nor the stored
// password, because its files are damaged.
func (s *redisServer) running(ctx context.Context, password string) (*Redis, error) {
	r, err := readRecord(s.home.recordFile())
	if err != nil {
		return nil, err
	}
	alive, err := r.alive()
	if err != nil {
		return nil, err
	}
	port, known := keptPort(s.home.path)
	if !known {
		return nil, r.end(ctx, stopFast)
	}
	redis := &Redis{Kind: s.kind, Port: port, Folder: s.home.path, Reused: true, password: password}
	pid, err := redis.serverPID(ctx)
	switch {
	case err != nil && alive:
		if kept, readErr := os.ReadFile(s.home.file("password")); readErr == nil && string(kept) != password {
			redis.password = string(kept)
			if redis.ping(ctx) == nil {
				return nil, fmt.Errorf("process %d serves %s on port %d: %w; stop it to change the password",
					r.PID, s.home.path, port, err)
			}
		}
		return nil, r.end(ctx, stopFast)
	case err != nil || !alive && !redis.serves(ctx, s.home.file("data")):
		return nil, nil //nolint:nilnil,nilerr // not running
	}
	return redis, s.home.adopt(pid)
}

// keptPort returns the stored port of folder, if valid.
func keptPort(folder string) (port int, known bool) {
	content, err := os.ReadFile(filepath.Join(folder, "port"))
	if err != nil {
		return 0, false
	}
	port, err = strconv.Atoi(string(content))
	return port, err == nil
}

func (s *redisServer) startOn(ctx context.Context, port int, password string) (*Redis, error) {
	kept := errors.Join(
		ReplaceFile(s.home.file("password"), []byte(password)),
		ReplaceFile(s.home.file("port"), []byte(strconv.Itoa(port))),
	)
	if kept != nil {
		return nil, kept
	}
	process, err := s.launch(port, password)
	if err != nil {
		return nil, err
	}
	redis := &Redis{Kind: s.kind, Port: port, Folder: s.home.path, password: password, stop: s.stopper(process)}
	if err := s.awaitReady(ctx, process, redis); err != nil {
		return nil, errors.Join(err, process.stop(context.WithoutCancel(ctx), stopFast))
	}
	return redis, nil
}

func (s *redisServer) launch(port int, password string) (*process, error) {
	cmd, err := s.command(port, password)
	if err != nil {
		return nil, err
	}
	log, err := s.home.log()
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	s.home.account.runAs(cmd, lifetime{detached: s.opt.Detached, lastSignal: stopFast})
	process, err := launch(cmd)
	if err != nil {
		return nil, err
	}
	return process, process.record.write(s.home.recordFile())
}

// program passes the configuration on stdin, so that `ps` does not show the password.
func (s *redisServer) program(path string) func(int, string) (*exec.Cmd, error) {
	return func(port int, password string) (*exec.Cmd, error) {
		data := s.home.file("data")
		if err := s.home.account.ownFolder(data); err != nil {
			return nil, err
		}
		cmd := exec.Command(path, "-")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		cmd.Stdin = strings.NewReader(s.configuration(port, password, data))
		return cmd, nil
	}
}

func (s *redisServer) configuration(port int, password, data string) string {
	lines := []string{
		"bind " + Loopback,
		"port " + strconv.Itoa(port),
		"dir " + strconv.Quote(data),
		// A hash needs no quoting.
		fmt.Sprintf("user default on ~* &* +@all #%x", sha256.Sum256([]byte(password))),
		"daemonize no",
		`save ""`,
	}
	if !s.opt.Throwaway {
		lines = append(lines, "appendonly yes")
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *redisServer) awaitReady(ctx context.Context, p *process, redis *Redis) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := redis.ping(ctx)
		if err == nil && !p.ended() {
			return nil
		}
		if p.ended() {
			return explainEnd(string(s.kind), redis.Port, s.home.tail())
		}
		if pause(ctx) != nil {
			return fmt.Errorf("%w: %s does not respond: %w (%w)", ErrNotReady, s.kind, ctx.Err(), err)
		}
	}
}

func (s *redisServer) stopper(p *process) func(context.Context) error {
	return func(ctx context.Context) error {
		if s.opt.Detached {
			return nil
		}
		if err := p.stop(ctx, stopFast); err != nil {
			return fmt.Errorf("stop %s: %w", s.kind, err)
		}
		if s.home.life != nil {
			return s.home.remove()
		}
		return nil
	}
}
