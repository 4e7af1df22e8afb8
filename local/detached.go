package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	// Folder of both. Default: "up" in [DefaultFolder].
	Folder string
	// [StartDetached] sets Folder and Detached of both.
	Postgres PostgresOptions
	Redis    RedisOptions
	// Without omits one of the two.
	Without Service
	// Miniredis is the command line that replaces a missing redis-server: it calls [ServeMiniredis] with the two
	// variables. If empty, there is no replacement.
	Miniredis []string
}

// Service is a server that [StartDetached] starts.
type Service string

// The services.
const (
	NoService       Service = ""
	PostgresService Service = "postgres"
	RedisService    Service = "redis"
)

// Detached holds the running servers.
type Detached struct {
	Folder string
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
func StartDetached(ctx context.Context, opt DetachedOptions) (*Detached, error) {
	folder, err := detachedFolder(opt.Folder)
	if err != nil {
		return nil, err
	}
	opt.Postgres.Folder, opt.Postgres.Detached = filepath.Join(folder, "postgres"), true
	opt.Redis.Folder, opt.Redis.Detached = filepath.Join(folder, "redis"), true

	up := &Detached{Folder: folder}
	if opt.Without != PostgresService {
		if up.Postgres, err = StartPostgres(ctx, opt.Postgres); err != nil {
			return nil, err
		}
	}
	if opt.Without == RedisService {
		return up, nil
	}
	up.Redis, err = startDetachedRedis(ctx, opt)
	switch {
	case errors.Is(err, ErrInProcess):
		orSilence(opt.Redis.Logger).WarnContext(ctx, "Redis was not started", "reason", err)
	case err != nil && up.Postgres != nil && !up.Postgres.Reused:
		_, stopErr := StopPostgres(context.WithoutCancel(ctx), up.Postgres.Folder)
		return nil, errors.Join(err, stopErr)
	case err != nil:
		return nil, err
	}
	return up, nil
}

// StopDetached stops the servers of folder (default: see [DetachedOptions]), whichever process started them. It never
// stops another program that reuses a pid.
func StopDetached(ctx context.Context, folder string) (Stopped, error) {
	folder, err := detachedFolder(folder)
	if err != nil {
		return Stopped{}, err
	}
	redis, redisErr := StopRedis(ctx, filepath.Join(folder, "redis"))
	postgres, postgresErr := StopPostgres(ctx, filepath.Join(folder, "postgres"))
	return Stopped{Postgres: postgres, Redis: redis}, errors.Join(redisErr, postgresErr)
}

func detachedFolder(folder string) (string, error) {
	if folder != "" {
		return filepath.Abs(folder)
	}
	base, err := DefaultFolder()
	return filepath.Join(base, "up"), err
}

func startDetachedRedis(ctx context.Context, opt DetachedOptions) (*Redis, error) {
	redis, err := StartRedis(ctx, opt.Redis)
	if errors.Is(err, ErrInProcess) && len(opt.Miniredis) > 0 {
		return startMiniredisProcess(ctx, opt)
	}
	return redis, err
}

// startMiniredisProcess runs as the current user, because others may not have access to the binary.
func startMiniredisProcess(ctx context.Context, opt DetachedOptions) (*Redis, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	h, err := openHome(ctx, self, opt.Redis.Folder, "redis", false)
	if err != nil {
		return nil, err
	}
	s := &redisServer{
		home: h, opt: opt.Redis, kind: Miniredis,
		command: func(port int, password string) (*exec.Cmd, error) {
			cmd := exec.Command(opt.Miniredis[0], opt.Miniredis[1:]...)
			cmd.Env = append(os.Environ(),
				MiniredisAddrVariable+"="+Loopback+":"+strconv.Itoa(port),
				MiniredisPasswordVariable+"="+password)
			return cmd, nil
		},
	}
	redis, err := s.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("miniredis in the background: %w", err)
	}
	return redis, nil
}
