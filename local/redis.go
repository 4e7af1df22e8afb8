package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
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
	// Folder of redis-server's data, password and log. Default: "redis" in [DefaultFolder], or a temporary folder if
	// Throwaway.
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
	stop     func(context.Context) error
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
	if stopped, err := stopServer(ctx, folder); stopped || err != nil {
		return stopped, err
	}
	// Without a valid record, find the server by its port, password and data folder.
	password, err := os.ReadFile(filepath.Join(folder, "password"))
	port, known := keptPort(folder)
	if err != nil || !known {
		return false, nil //nolint:nilerr // nothing to stop
	}
	redis := &Redis{Port: port, password: string(password)}
	pid, err := redis.serverPID(ctx)
	if err != nil || !redis.serves(ctx, filepath.Join(folder, "data")) {
		return false, nil //nolint:nilerr // not the server of this folder
	}
	if err := (&home{path: folder}).adopt(pid); err != nil {
		return false, err
	}
	return stopServer(ctx, folder)
}

// Stop stops the server and waits for it. Reused and detached servers keep running. Stop is idempotent.
func (r *Redis) Stop(ctx context.Context) error {
	if r.Reused {
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

// ping logs in, because another program can use the port.
func (r *Redis) ping(ctx context.Context) error {
	_, err := r.do(ctx)
	return err
}

// serverPID returns the pid of the server, 0 for miniredis.
func (r *Redis) serverPID(ctx context.Context) (int, error) {
	info, err := r.do(ctx, "INFO", "server")
	if err != nil {
		return 0, err
	}
	match := redisPID.FindStringSubmatch(info)
	if match == nil {
		return 0, nil
	}
	return strconv.Atoi(match[1])
}

// serves reports whether folder is the data folder of the server.
func (r *Redis) serves(ctx context.Context, folder string) bool {
	reply, err := r.do(ctx, "CONFIG", "GET", "dir")
	if err != nil {
		return false
	}
	for line := range strings.Lines(reply) {
		if sameFile(strings.TrimSpace(line), folder) {
			return true
		}
	}
	return false
}

var redisPID = regexp.MustCompile(`(?m)^process_id:(\d+)`)

// do logs in, sends an optional command, and returns the raw reply.
func (r *Redis) do(ctx context.Context, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.address())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := io.WriteString(conn, resp("AUTH", r.password)); err != nil {
		return "", err
	}
	replies := bufio.NewReader(conn)
	reply, err := replies.ReadString('\n')
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(reply) != "+OK" {
		return "", fmt.Errorf("%w for Redis", ErrPassword)
	}
	if len(command) == 0 {
		return "", nil
	}
	if _, err := io.WriteString(conn, resp(command...)+resp("QUIT")); err != nil {
		return "", err
	}
	rest, err := io.ReadAll(replies)
	return string(rest), err
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
