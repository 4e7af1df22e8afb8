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
	command func(port int, password string) *exec.Cmd
}

func startRedisServer(ctx context.Context, program string, opt RedisOptions) (*Redis, error) {
	acc, err := servingAccount()
	if err != nil {
		return nil, err
	}
	return startIn(ctx, acc, opt.Folder, RedisService, func(h *home) (*Redis, error) {
		data := h.file("data")
		if err := acc.ownFolder(data); err != nil {
			return nil, err
		}
		// The configuration is passed on stdin, so that `ps` does not show the password.
		command := func(port int, password string) *exec.Cmd {
			cmd := exec.Command(program, "-")
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
			cmd.Stdin = strings.NewReader(configuration(opt, port, password, data))
			return cmd
		}
		return (&redisServer{home: h, opt: opt, kind: RedisServer, command: command}).start(ctx)
	})
}

func (s *redisServer) start(ctx context.Context) (*Redis, error) {
	password := s.opt.Password
	if password == "" {
		var err error
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
	r, alive, err := s.home.recorded()
	if err != nil {
		return nil, err
	}
	port, known := keptPort(s.home.path)
	if !known {
		return nil, r.end(ctx, stopFast)
	}
	redis := &Redis{Kind: s.kind, Port: port, Folder: s.home.path, Reused: true, password: password}
	if !alive {
		if pid, found := redis.serves(ctx, s.home.file("data")); found {
			return redis, s.home.adopt(pid)
		}
		return nil, nil //nolint:nilnil // not running
	}
	if redis.login(ctx) == nil {
		return redis, nil
	}
	if stored, err := os.ReadFile(s.home.file("password")); err == nil && string(stored) != password {
		redis.password = string(stored)
		if redis.login(ctx) == nil {
			return nil, fmt.Errorf("process %d serves %s on port %d: %w for Redis; stop it to change the password",
				r.PID, s.home.path, port, ErrPassword)
		}
	}
	return nil, r.end(ctx, stopFast)
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
	err := errors.Join(
		ReplaceFile(s.home.file("password"), []byte(password)),
		ReplaceFile(s.home.file("port"), []byte(strconv.Itoa(port))),
	)
	if err != nil {
		return nil, err
	}
	lastSignal := stopFast
	if s.opt.Detached {
		lastSignal = detached
	}
	process, err := s.home.launch(s.command(port, password), lastSignal)
	if err != nil {
		return nil, err
	}
	redis := &Redis{Kind: s.kind, Port: port, Folder: s.home.path, password: password}
	if !s.opt.Detached {
		redis.stop = func(ctx context.Context) error { return s.home.stop(ctx, process, string(s.kind)) }
	}
	if err := s.home.awaitReady(ctx, process, string(s.kind), port, redis.ping); err != nil {
		return nil, errors.Join(err, process.stop(context.WithoutCancel(ctx), stopFast))
	}
	return redis, nil
}

func configuration(opt RedisOptions, port int, password, data string) string {
	lines := []string{
		"bind " + Loopback,
		"port " + strconv.Itoa(port),
		"dir " + strconv.Quote(data),
		// A hash needs no quoting.
		fmt.Sprintf("user default on ~* &* +@all #%x", sha256.Sum256([]byte(password))),
		"daemonize no",
		`save ""`,
	}
	if !opt.Throwaway {
		lines = append(lines, "appendonly yes")
	}
	return strings.Join(lines, "\n") + "\n"
}
