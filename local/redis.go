package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// RedisKind is an implementation of Redis.
type RedisKind string

// The kinds of Redis.
const (
	// RedisServer is redis-server from the PATH.
	RedisServer RedisKind = "redis-server"
	// Miniredis is an in-memory implementation in Go, without modules.
	Miniredis RedisKind = "miniredis"
)

// redisTimeout bounds one command.
const redisTimeout = 2 * time.Second

// RedisOptions configures Redis. The zero value is usable.
type RedisOptions struct {
	// Folder of redis-server's data, password and log. Default: a temporary one.
	Folder string
	// Port on 127.0.0.1. Default: a free one.
	Port int
	// Password of the default user. Default: the one stored in Folder, or a random one.
	Password string
	// Throwaway stores nothing on disk, for tests.
	Throwaway bool
	// Detached keeps redis-server running until [StopRedis].
	Detached bool
	// Kind of server. Default: redis-server if installed, else miniredis.
	Kind RedisKind
	// Logger of the chosen kind. Default: none.
	Logger *slog.Logger
}

// Redis is a running server.
type Redis struct {
	Kind RedisKind
	Port int
	// Folder is empty for miniredis.
	Folder string
	// Reused is as in [Postgres].
	Reused bool

	password string
	stop     func(context.Context) error // nil if Stop does not stop it
}

// StartRedis returns when the server accepts connections. The errors are [ErrUnreachable], [ErrForeignFolder],
// [ErrPortTaken], [ErrPassword], [ErrNotReady], and system errors.
func StartRedis(ctx context.Context, opt RedisOptions) (*Redis, error) {
	program, err := exec.LookPath(string(RedisServer))
	switch {
	case opt.Kind == Miniredis || (opt.Kind == "" && err != nil):
		return startMiniredis(ctx, opt)
	case err != nil:
		return nil, fmt.Errorf("redis-server is not installed: %w", err)
	}
	return startRedisServer(ctx, program, opt)
}

// StopRedis is [StopPostgres] for redis-server.
func StopRedis(ctx context.Context, folder string) (bool, error) {
	if err := supported(); err != nil {
		return false, err
	}
	h := &home{path: folder}
	if stopped, err := h.stopRecorded(ctx); stopped || err != nil {
		return stopped, err
	}
	// Without a valid record, find the server by its port, password and data folder.
	password, err := os.ReadFile(h.file("password"))
	port, known := keptPort(folder)
	if err != nil || !known {
		return false, nil //nolint:nilerr // nothing to stop
	}
	redis := &Redis{Port: port, password: string(password)}
	pid, found := redis.serves(ctx, h.file("data"))
	if !found {
		return false, nil
	}
	if err := h.adopt(pid); err != nil {
		return false, err
	}
	return h.stopRecorded(ctx)
}

// Stop stops the server and waits for it. Reused and detached servers keep running. Stop is idempotent.
func (r *Redis) Stop(ctx context.Context) error {
	if r.stop == nil {
		return nil
	}
	return r.stop(ctx)
}

// URL returns the URL for clients, with the password.
func (r *Redis) URL() string {
	return (&url.URL{
		Scheme: "redis", User: url.UserPassword("default", r.password), Host: r.address(),
		Path: "/0",
	}).String()
}

// String omits the password.
func (r *Redis) String() string { return fmt.Sprintf("%s on %s", r.Kind, r.address()) }

// GoString omits the password.
func (r *Redis) GoString() string { return r.String() }

func (r *Redis) address() string { return net.JoinHostPort(Loopback, strconv.Itoa(r.Port)) }

// login succeeds while the server loads its data, too.
func (r *Redis) login(ctx context.Context) error {
	_, err := r.do(ctx, "PING")
	return err
}

// ping logs in, because another program can use the port. It fails while the server loads its data.
func (r *Redis) ping(ctx context.Context) error {
	reply, err := r.do(ctx, "PING")
	if err == nil && !strings.HasPrefix(reply, "+PONG") {
		err = fmt.Errorf("Redis is not ready: %q", reply)
	}
	return err
}

var redisPID = regexp.MustCompile(`(?m)^process_id:(\d+)`)

// serves returns the pid of a redis-server whose data folder is folder.
func (r *Redis) serves(ctx context.Context, folder string) (pid int, found bool) {
	info, err := r.do(ctx, "INFO", "server")
	match := redisPID.FindStringSubmatch(info)
	if err != nil || match == nil {
		return 0, false
	}
	config, err := r.do(ctx, "CONFIG", "GET", "dir")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(config) {
		if sameFile(strings.TrimSpace(line), folder) {
			pid, err := strconv.Atoi(match[1])
			return pid, err == nil
		}
	}
	return 0, false
}

// do logs in, sends a command, and returns the raw reply.
func (r *Redis) do(ctx context.Context, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.address())
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // on return, too
	if _, err := io.WriteString(conn, resp("AUTH", r.password)+resp(command...)+resp("QUIT")); err != nil {
		return "", err
	}
	replies, err := io.ReadAll(conn)
	reply, accepted := strings.CutPrefix(string(replies), "+OK\r\n")
	if err == nil && !accepted {
		err = errors.New("wrong password for Redis")
	}
	return reply, err
}

// resp encodes a command in the Redis protocol.
func resp(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}
