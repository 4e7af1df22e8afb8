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

// RedisKind says what answers on Redis's port.
type RedisKind string

// The kinds of Redis.
const (
	// RedisServer is the real program, from the PATH.
	RedisServer RedisKind = "redis-server"
	// Miniredis is an imitation in Go that keeps everything in memory. Its commands are those of a Redis without modules.
	Miniredis RedisKind = "miniredis"
)

// redisAnswersWithin bounds one attempt to log in.
const redisAnswersWithin = 2 * time.Second

// RedisOptions say where and how Redis runs. The zero value keeps data in [DefaultFolder] on a free port.
type RedisOptions struct {
	// Folder keeps redis-server's data, password and log. Empty: "redis" below [DefaultFolder], or for a Throwaway
	// server a new folder below [os.TempDir] that goes with it.
	Folder string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Password of the default user. Empty: the one kept in Folder, or a new random one.
	Password string
	// Throwaway keeps nothing on disk. For tests.
	Throwaway bool
	// Detached leaves redis-server running when this process ends; [StopRedis] ends it.
	Detached bool
	// Kind forces one; empty takes redis-server when it is in the PATH, else miniredis.
	Kind RedisKind
	// Logger tells which kind was taken. Nil: silence.
	Logger *slog.Logger
}

// Redis is a running server.
type Redis struct {
	Kind RedisKind
	Port int
	// Folder is empty for miniredis.
	Folder string
	// Reused says that the server ran already. Stop leaves it running.
	Reused bool

	password string
	stop     func(context.Context) error
}

// StartRedis returns when the server answers. Errors are [ErrUnreachable], [ErrForeignFolder], [ErrPortTaken],
// [ErrPassword], [ErrNotReady], or the system's own.
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

// StopRedis ends the redis-server that runs on folder, whichever process started it, and tells whether there was one.
func StopRedis(ctx context.Context, folder string) (bool, error) {
	if err := supported(); err != nil {
		return false, err
	}
	if stopped, err := stopServer(ctx, folder); stopped || err != nil {
		return stopped, err
	}
	// Its record may be damaged: what answers on its port with its password, from its data, is it.
	password, err := os.ReadFile(filepath.Join(folder, "password"))
	port, known := keptPort(folder)
	if err != nil || !known {
		return false, nil //nolint:nilerr // nothing was started here, or nothing is known of it
	}
	redis := &Redis{Port: port, password: string(password)}
	pid, err := redis.serverPID(ctx)
	if err != nil || !redis.serves(ctx, filepath.Join(folder, "data")) {
		return false, nil //nolint:nilerr // no server of ours answers
	}
	if err := (&home{path: folder}).adopt(pid); err != nil {
		return false, err
	}
	return stopServer(ctx, folder)
}

// Stop ends the server and waits for it. What was reused or detached runs on. Stopping twice is harmless.
func (r *Redis) Stop(ctx context.Context) error {
	if r.Reused {
		return nil
	}
	return r.stop(ctx)
}

// URL is where a client connects, password included: keep it out of logs.
func (r *Redis) URL() string {
	return (&url.URL{Scheme: "redis", User: url.UserPassword("default", r.password), Host: r.address(), Path: "/0"}).String()
}

// String names the server and no secret.
func (r *Redis) String() string { return fmt.Sprintf("%s on %s", r.Kind, r.address()) }

// GoString is [Redis.String], so that %#v shows no password either.
func (r *Redis) GoString() string { return r.String() }

func (r *Redis) address() string { return net.JoinHostPort(Loopback, strconv.Itoa(r.Port)) }

// answers logs in, and so knows our server from another one on the port.
func (r *Redis) answers(ctx context.Context) error {
	_, err := r.ask(ctx)
	return err
}

// serverPID is the process that answers. Miniredis, which does not tell, is 0.
func (r *Redis) serverPID(ctx context.Context) (int, error) {
	told, err := r.ask(ctx, "INFO", "server")
	if err != nil {
		return 0, err
	}
	match := redisPID.FindStringSubmatch(told)
	if match == nil {
		return 0, nil
	}
	return strconv.Atoi(match[1])
}

// serves tells whether the server keeps its data in that folder.
func (r *Redis) serves(ctx context.Context, folder string) bool {
	told, err := r.ask(ctx, "CONFIG", "GET", "dir")
	if err != nil {
		return false
	}
	for line := range strings.Lines(told) {
		if sameFile(strings.TrimSpace(line), folder) {
			return true
		}
	}
	return false
}

var redisPID = regexp.MustCompile(`(?m)^process_id:(\d+)`)

// ask logs in, sends one command, if any, and returns what comes back until the server has no more to say.
func (r *Redis) ask(ctx context.Context, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, redisAnswersWithin)
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
	answers := bufio.NewReader(conn)
	answer, err := answers.ReadString('\n')
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(answer) != "+OK" {
		return "", fmt.Errorf("%w: redis refuses it", ErrPassword)
	}
	if len(command) == 0 {
		return "", nil
	}
	if _, err := io.WriteString(conn, resp(command...)+resp("QUIT")); err != nil {
		return "", err
	}
	told, err := io.ReadAll(answers)
	return string(told), err
}

// resp is a command as Redis's protocol spells it.
func resp(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}
