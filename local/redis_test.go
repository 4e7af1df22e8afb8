package local_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/local"
)

// kinds returns those that this machine can run.
func kinds() []local.RedisKind {
	if _, err := exec.LookPath(string(local.RedisServer)); err != nil {
		return []local.RedisKind{local.Miniredis}
	}
	return []local.RedisKind{local.RedisServer, local.Miniredis}
}

// eachKind runs a test with a server of each kind.
func eachKind(t *testing.T, test func(t *testing.T, opt local.RedisOptions, redis *local.Redis)) {
	t.Helper()
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			opt := local.RedisOptions{Throwaway: true, Kind: kind, Password: "unspeakable"}
			redis := startRedis(t, opt)
			require.Equal(t, kind, redis.Kind)
			test(t, opt, redis)
		})
	}
}

func startRedis(t *testing.T, opt local.RedisOptions) *local.Redis {
	t.Helper()
	redis, err := local.StartRedis(t.Context(), opt)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, redis.Stop(context.WithoutCancel(t.Context()))) })
	return redis
}

func client(t *testing.T, url string) rueidis.Client {
	t.Helper()
	c, err := connect(t, url)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func connect(t *testing.T, url string) (rueidis.Client, error) {
	t.Helper()
	opt, err := rueidis.ParseURL(url)
	require.NoError(t, err)
	opt.DisableCache = true
	return rueidis.NewClient(opt)
}

func ping(t *testing.T, c rueidis.Client) error {
	t.Helper()
	return c.Do(t.Context(), c.B().Ping().Build()).Error()
}

func TestRedisKeepsAndExpires(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, _ local.RedisOptions, redis *local.Redis) {
		t.Helper()
		c := client(t, redis.URL())
		require.NoError(t, c.Do(t.Context(), c.B().Set().Key("brief").Value("x").PxMilliseconds(40).Build()).Error())
		require.NoError(t, c.Do(t.Context(), c.B().Set().Key("lasting").Value("y").Build()).Error())
		require.Eventually(t, func() bool {
			return rueidis.IsRedisNil(c.Do(t.Context(), c.B().Get().Key("brief").Build()).Error())
		}, 5*time.Second, 10*time.Millisecond, "the key must expire")
		require.Equal(t, "y", get(t, c, "lasting"))
	})
}

func get(t *testing.T, c rueidis.Client, key string) string {
	t.Helper()
	value, err := c.Do(t.Context(), c.B().Get().Key(key).Build()).ToString()
	require.NoError(t, err)
	return value
}

func TestRedisDemandsItsPassword(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, _ local.RedisOptions, redis *local.Redis) {
		t.Helper()
		for name, url := range map[string]string{
			"without": strings.Replace(redis.URL(), "default:unspeakable@", "", 1),
			"wrong":   strings.Replace(redis.URL(), "unspeakable", "guess", 1),
		} {
			c, err := connect(t, url)
			if err == nil {
				err = ping(t, c)
				c.Close()
			}
			require.Error(t, err, name)
		}
		require.NoError(t, ping(t, client(t, redis.URL())))
		require.NotContains(t, redis.String()+redis.GoString(), "unspeakable")
	})
}

func TestRedisOnATakenPort(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, opt local.RedisOptions, redis *local.Redis) {
		t.Helper()
		opt.Port = redis.Port
		_, err := local.StartRedis(t.Context(), opt)
		require.ErrorIs(t, err, local.ErrPortTaken)
	})
}

func TestTheKindIsChosenByWhatIsInstalled(t *testing.T) {
	t.Parallel()
	require.Equal(t, kinds()[0], startRedis(t, local.RedisOptions{Throwaway: true}).Kind)
}

func TestServeMiniredisEndsWithItsContext(t *testing.T) {
	t.Parallel()
	taken := startRedis(t, local.RedisOptions{Kind: local.Miniredis})
	address := net.JoinHostPort(local.Loopback, strconv.Itoa(taken.Port))
	require.ErrorIs(t, local.ServeMiniredis(t.Context(), address, "x"), local.ErrPortTaken)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- local.ServeMiniredis(ctx, "127.0.0.1:0", "x") }()
	cancel()
	require.NoError(t, <-ended)
}

func TestRedisDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	if len(kinds()) == 1 {
		t.Log("miniredis stores nothing; this test needs redis-server")
		return
	}
	opt := local.RedisOptions{Folder: folder(t), Kind: local.RedisServer}
	first := startRedis(t, opt)
	c := client(t, first.URL())
	require.NoError(t, c.Do(t.Context(), c.B().Set().Key("k").Value("v").Build()).Error())

	guest := startRedis(t, opt)
	require.True(t, guest.Reused)
	require.Equal(t, first.URL(), guest.URL())
	_, err := local.StartRedis(t.Context(), local.RedisOptions{Folder: opt.Folder, Password: "another"})
	require.ErrorIs(t, err, local.ErrPassword)

	require.NoError(t, first.Stop(t.Context()))
	second := startRedis(t, opt)
	require.False(t, second.Reused)
	require.Equal(t, "v", get(t, client(t, second.URL()), "k"))

	password, err := os.Stat(filepath.Join(opt.Folder, "password"))
	require.NoError(t, err)
	require.NotZero(t, password.Size())
	require.Equal(t, os.FileMode(0o600), password.Mode().Perm())
}

// Tests run this binary again in these roles.

const role = "KONSTRUCT_LOCAL_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "miniredis":
		exit(local.ServeMiniredis(context.Background(),
			os.Getenv(local.MiniredisAddrVariable), os.Getenv(local.MiniredisPasswordVariable)))
	case "crash":
		exit(startAndDie())
	case "share":
		exit(shareAndDie(os.Getenv(shareFolder)))
	case "guard":
		exit(local.GuardShare(context.Background(), os.Getenv(shareFolder)))
	default:
		exit(runApart(m))
	}
}

// runApart runs the tests in a separate temporary folder that the servers' user can reach, away from servers of other
// runs.
func runApart(m *testing.M) error {
	apart, err := os.MkdirTemp("", "konstruct-local-")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(apart, 0o711), os.Setenv("TMPDIR", apart)); err != nil {
		return err
	}
	code := m.Run()
	if err := os.RemoveAll(apart); err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("tests failed: exit code %d", code)
	}
	return nil
}

//nolint:forbidigo,revive // the binary acts as another program
func exit(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// startAndDie prints the folder of a server that it does not stop.
func startAndDie() error {
	pg, err := local.StartPostgres(context.Background(), local.PostgresOptions{Throwaway: true})
	if err != nil {
		return err
	}
	return die(pg.Folder)
}

// die prints result, for the test that runs this process, and exits like a crash.
func die(result string) error {
	_, err := os.Stdout.WriteString(result)
	return errors.Join(err, syscall.Kill(os.Getpid(), syscall.SIGKILL))
}
