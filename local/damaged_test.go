package local_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/local"
)

// A crash or a full disk can truncate state files.
func TestDamagedStateFiles(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"postgres/process.json", "postgres/password", "postgres/data/postmaster.pid",
		"redis/process.json", "redis/password", "redis/port",
	} {
		for name, keep := range map[string]float64{"empty": 0, "cut": 0.4} {
			t.Run(file+" "+name, func(t *testing.T) {
				t.Parallel()
				opt := local.DetachedOptions{
					Folder:   folder(t),
					Postgres: local.PostgresOptions{Port: testdb.FreePort(t), Password: "pg-secret"},
					Redis: local.RedisOptions{
						Port: testdb.FreePort(t), Password: "redis-secret", Kind: local.RedisServer,
					},
				}
				damage := func() {
					path := filepath.Join(opt.Folder, file)
					info, err := os.Stat(path)
					require.NoError(t, err)
					require.NoError(t, os.Truncate(path, int64(float64(info.Size())*keep)))
				}
				t.Cleanup(func() { _, _ = local.StopDetached(t.Context(), opt.Folder) })
				_, err := local.StartDetached(t.Context(), opt)
				require.NoError(t, err)

				damage()
				up, err := local.StartDetached(t.Context(), opt)
				require.NoError(t, err)
				requireRuns(t, up.Postgres)
				c := client(t, up.Redis.URL())
				require.NoError(t, ping(t, c))

				damage()
				_, err = local.StopDetached(t.Context(), opt.Folder)
				require.NoError(t, err)
				requireStopped(t, up.Postgres.SuperuserDSN())
				require.Error(t, ping(t, c))

				_, err = local.StartDetached(t.Context(), opt)
				require.NoError(t, err, "the next start must work")
			})
		}
	}
}

func TestAStartRightAfterAKill(t *testing.T) {
	t.Parallel()
	opt := local.PostgresOptions{Folder: folder(t)}
	pg := start(t, opt)
	opt.Port = pg.Port // so that the socket's lock file of the killed server is in the way
	for range 3 {
		kill(t, pg)
		pg = start(t, opt)
		require.False(t, pg.Reused)
		requireRuns(t, pg)
	}
}

func TestASocketsLockFileOfAnotherProgramIsNoObstacle(t *testing.T) {
	t.Parallel()
	opt := local.PostgresOptions{Folder: folder(t)}
	pg := start(t, opt)
	opt.Port = pg.Port
	lock := filepath.Join(pg.SocketDir, ".s.PGSQL."+strconv.Itoa(pg.Port)+".lock")
	content, err := os.ReadFile(lock)
	require.NoError(t, err)
	stop(t, pg)
	_, rest, _ := strings.Cut(string(content), "\n")
	require.NoError(t, os.WriteFile(lock, []byte(strconv.Itoa(os.Getppid())+"\n"+rest), 0o644))
	start(t, opt)
}

// Redis would unquote a password in its configuration.
func TestRedisTakesAnyPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		`quo"te`, `back\slash`, `tab\tend`, "it's", "with space", "zero\u200bwidth", "#hash", "$dollar", ">x",
	} {
		redis := startRedis(t, local.RedisOptions{Throwaway: true, Kind: local.RedisServer, Password: password})
		require.NoError(t, ping(t, client(t, redis.URL())), password)
	}
}
