package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// The environment of [DetachedOptions.Miniredis].
const (
	// MiniredisAddrVariable is the address that [ServeMiniredis] listens on.
	MiniredisAddrVariable = "KONSTRUCT_LOCAL_REDIS_ADDR"
	// MiniredisPasswordVariable is its password.
	MiniredisPasswordVariable = "KONSTRUCT_LOCAL_REDIS_PASSWORD" //nolint:gosec // a name, no password
)

// DetachedOptions configures PostgreSQL and Redis in the background.
type DetachedOptions struct {
	// Folder of both.
	Folder string
	// [StartDetached] sets Folder and Detached of both.
	Postgres PostgresOptions
	Redis    RedisOptions
	// Only is [PostgresService] or [RedisService], to start one of the two.
	Only []string
	// Miniredis is the command line that replaces a missing redis-server: it calls [ServeMiniredis] with the two
	// variables. If empty, there is no replacement.
	Miniredis []string
}

// The services of [DetachedOptions.Only], and their folders.
const (
	PostgresService = "postgres"
	RedisService    = "redis"
)

// Detached holds the running servers.
type Detached struct {
	// Postgres is nil if omitted.
	Postgres *Postgres
	// Redis is nil if omitted or not available.
	Redis *Redis
}

// Stopped reports which servers [StopDetached] has stopped.
type Stopped struct {
	Postgres, Redis bool
}

// StartDetached starts both servers, or reuses running ones. If Redis fails, it stops the PostgreSQL it started.
func StartDetached(ctx context.Context, opt DetachedOptions) (up *Detached, err error) {
	opt.Postgres.Folder, opt.Postgres.Detached = filepath.Join(opt.Folder, PostgresService), true
	opt.Redis.Folder, opt.Redis.Detached = filepath.Join(opt.Folder, RedisService), true
	wants := func(service string) bool { return len(opt.Only) == 0 || slices.Contains(opt.Only, service) }

	up = &Detached{}
	if wants(PostgresService) {
		if up.Postgres, err = StartPostgres(ctx, opt.Postgres); err != nil {
			return nil, err
		}
	}
	if !wants(RedisService) {
		return up, nil
	}
	up.Redis, err = StartRedis(ctx, opt.Redis)
	if errors.Is(err, ErrInProcess) && len(opt.Miniredis) > 0 {
		up.Redis, err = startMiniredisProcess(ctx, opt)
	}
	switch {
	case err == nil:
		return up, nil
	case errors.Is(err, ErrInProcess):
		orSilence(opt.Redis.Logger).WarnContext(ctx, "Redis was not started", "reason", err)
		return up, nil
	case up.Postgres != nil && !up.Postgres.Reused:
		_, stopErr := StopPostgres(context.WithoutCancel(ctx), opt.Postgres.Folder)
		err = errors.Join(err, stopErr)
	}
	return nil, err
}

// StopDetached stops the servers of folder, whichever process started them. It never stops another program that reuses
// a pid.
func StopDetached(ctx context.Context, folder string) (Stopped, error) {
	redis, redisErr := StopRedis(ctx, filepath.Join(folder, RedisService))
	postgres, postgresErr := StopPostgres(ctx, filepath.Join(folder, PostgresService))
	return Stopped{Postgres: postgres, Redis: redis}, errors.Join(redisErr, postgresErr)
}

// startMiniredisProcess runs as the current user, because others may not have access to the binary.
func startMiniredisProcess(ctx context.Context, opt DetachedOptions) (*Redis, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	command := func(port int, password string) *exec.Cmd {
		cmd := exec.Command(opt.Miniredis[0], opt.Miniredis[1:]...)
		cmd.Env = append(os.Environ(),
			MiniredisAddrVariable+"="+Loopback+":"+strconv.Itoa(port),
			MiniredisPasswordVariable+"="+password)
		return cmd
	}
	redis, err := startIn(ctx, self, opt.Redis.Folder, RedisService, func(h *home) (*Redis, error) {
		return (&redisServer{home: h, opt: opt.Redis, kind: Miniredis, command: command}).start(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("miniredis in the background: %w", err)
	}
	return redis, nil
}
