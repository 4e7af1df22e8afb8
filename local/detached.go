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

// The environment of the process that [DetachedOptions.Miniredis] describes.
const (
	// MiniredisAddrVariable is what [ServeMiniredis] listens on.
	MiniredisAddrVariable = "KONSTRUCT_LOCAL_REDIS_ADDR"
	// MiniredisPasswordVariable is what it demands.
	MiniredisPasswordVariable = "KONSTRUCT_LOCAL_REDIS_PASSWORD" //nolint:gosec // a name, no password
)

// DetachedOptions describe PostgreSQL and Redis in the background: what `task up` starts where Docker is not.
type DetachedOptions struct {
	// Folder keeps both. Empty: "up" below [DefaultFolder].
	Folder string
	// Postgres and Redis: their Folder and Detached are set by [StartDetached].
	Postgres PostgresOptions
	Redis    RedisOptions
	// Without leaves one of the two out.
	Without Service
	// Miniredis is the command line of a process that calls [ServeMiniredis] with the two variables of its
	// environment, for machines without redis-server. Empty: such a machine gets no Redis.
	Miniredis []string
}

// Service is one of the servers that [StartDetached] starts.
type Service string

// The services.
const (
	NoService       Service = ""
	PostgresService Service = "postgres"
	RedisService    Service = "redis"
)

// Detached is what runs in the background.
type Detached struct {
	Folder string
	// Postgres is nil where it was left out.
	Postgres *Postgres
	// Redis is nil where it was left out, or neither redis-server nor a command line for miniredis is there.
	Redis *Redis
}

// Stopped tells what [StopDetached] has ended.
type Stopped struct {
	Postgres, Redis bool
}

// StartDetached starts both servers, or takes over those that run on the folder already, and leaves them running.
// When Redis fails, a PostgreSQL that this call has started is stopped again.
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

// StopDetached ends exactly what [StartDetached] has started on folder (empty: the default one), in this process or
// another. A pid that belongs to another program by now is left alone.
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

// startMiniredisProcess runs the command line as if it were a redis-server. It stays this process's user: the
// binary may lie where no other can read it.
func startMiniredisProcess(ctx context.Context, opt DetachedOptions) (*Redis, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	self := account{uid: os.Geteuid(), gid: os.Getegid()}
	h, err := openHome(ctx, self, opt.Redis.Folder, "redis", false)
	if err != nil {
		return nil, err
	}
	s := &redisServer{home: h, opt: opt.Redis, kind: Miniredis, command: func(port int, password string) (*exec.Cmd, error) {
		cmd := exec.Command(opt.Miniredis[0], opt.Miniredis[1:]...)
		cmd.Env = append(os.Environ(),
			MiniredisAddrVariable+"="+Loopback+":"+strconv.Itoa(port),
			MiniredisPasswordVariable+"="+password)
		return cmd, nil
	}}
	redis, err := s.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("miniredis in the background: %w", err)
	}
	return redis, nil
}
