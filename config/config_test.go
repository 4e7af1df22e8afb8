package config_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

const newKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// working is the least that the server starts with on one machine.
func working() config.Env {
	return config.Env{"SLACK_SIGNING_SECRET": "a-signing-secret", "KONSTRUCT_SECRETS_KEY": newKey}
}

// published is a configuration of a server that others can reach, with secrets of its own.
func published() config.Env {
	return config.Env{
		"KONSTRUCT_LISTEN_ADDR": ":8080",
		"DATABASE_URL":          "postgres://konstruct_app:own@db.internal:5432/konstruct",
		"REDIS_URL":             "rediss://:own@redis.internal:6379",
		"SLACK_SIGNING_SECRET":  "own",
		"KONSTRUCT_SECRETS_KEY": newKey,
	}
}

func with(base, changes config.Env) config.Env {
	env := maps.Clone(base)
	maps.Copy(env, changes)

	return env
}

func variables(t *testing.T, err error) []string {
	t.Helper()

	if err == nil {
		return nil
	}
	var faults config.Faults
	require.ErrorAs(t, err, &faults)

	return faults.Variables()
}

func TestServeNeedsNothingLocally(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(config.Env{})
	require.NoError(t, err)
	require.False(t, serve.Slack.SigningSecret.IsSet())
	require.False(t, serve.SecretsKeys.IsSet(), "no key is built in")
	require.NotEmpty(t, serve.Redis.RedisURL.Reveal())

	require.Equal(t, "127.0.0.1:8080", serve.HTTP.ListenAddr)
	require.Equal(t, 15*time.Second, serve.HTTP.ShutdownTimeout)
	require.Equal(t, "konstruct_app", serve.Database.URL.User())
	require.True(t, serve.Database.URL.IsLoopback())
	require.Equal(t, pgx.QueryExecModeCacheStatement, serve.Database.QueryMode.PGX())
	require.Positive(t, serve.Database.PoolSize())
	require.Equal(t, config.LogText, serve.Log.Format)
	require.False(t, serve.HTTP.Docs)
	require.Empty(t, serve.HTTP.TrustedProxies.Strings())
}

func TestSlackIsOptionalWherePublishedAndTheSealingKeyIsNot(t *testing.T) {
	t.Parallel()

	_, err := config.LoadServe(with(published(), config.Env{"SLACK_SIGNING_SECRET": ""}))
	require.NoError(t, err)
	_, err = config.LoadServe(with(published(), config.Env{"KONSTRUCT_SECRETS_KEY": ""}))
	require.Equal(t, []string{"KONSTRUCT_SECRETS_KEY"}, variables(t, err))
}

func TestAReverseProxyPublishesALoopbackServer(t *testing.T) {
	t.Parallel()

	proxied := with(readExample(t), config.Env{"KONSTRUCT_TRUSTED_PROXIES": "127.0.0.1"})
	_, err := config.LoadServe(proxied)
	require.Equal(t, []string{"DATABASE_URL", "KONSTRUCT_SECRETS_KEY", "REDIS_URL", "SLACK_SIGNING_SECRET"}, variables(t, err))
	_, err = config.LoadMigrate(proxied)
	require.Equal(t, []string{"MIGRATION_DATABASE_URL"}, variables(t, err))
	_, err = config.LoadUser(proxied)
	require.Equal(t, []string{"DATABASE_URL"}, variables(t, err))

	_, err = config.LoadServe(with(working(), config.Env{
		"KONSTRUCT_TRUSTED_PROXIES": "127.0.0.1", "DATABASE_URL": "postgres://konstruct_app:own@127.0.0.1/konstruct",
		"REDIS_URL": "redis://:own@127.0.0.1",
	}))
	require.NoError(t, err, "with secrets of its own it starts")
}

func TestServeReadsWhatIsSet(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(with(published(), config.Env{
		"KONSTRUCT_DB_MAX_CONNS":    "7",
		"KONSTRUCT_DB_QUERY_MODE":   "exec",
		"KONSTRUCT_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,2001:db8::/32",
		"KONSTRUCT_DOCS":            "true",
		"KONSTRUCT_LOG_LEVEL":       "warn",
		"KONSTRUCT_LOG_FORMAT":      "json",
		"KONSTRUCT_SECRETS_KEY":     "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=," + newKey,
	}))
	require.NoError(t, err)

	require.EqualValues(t, 7, serve.Database.PoolSize())
	require.Equal(t, pgx.QueryExecModeExec, serve.Database.QueryMode.PGX())
	require.Equal(t, []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"}, serve.HTTP.TrustedProxies.Strings())
	require.Len(t, serve.SecretsKeys.Reveal(), 2)
	require.Equal(t, config.LogJSON, serve.Log.Format)
	require.False(t, serve.Database.URL.IsLoopback())
}

func TestServeFaultsByName(t *testing.T) {
	t.Parallel()

	const app = "postgres://konstruct_app:x@127.0.0.1/konstruct"
	cases := map[string]struct {
		variable string
		value    string
	}{
		"a signing secret with a newline": {"SLACK_SIGNING_SECRET", "secret\n"},
		"a redaction mark for a secret":   {"OPENAI_API_KEY", "[redacted]"},
		"a sealing key of 31 bytes":       {"KONSTRUCT_SECRETS_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA=="},
		"a sealing key that is no base64": {"KONSTRUCT_SECRETS_KEY", "not base64"},
		"an empty key in the list":        {"KONSTRUCT_SECRETS_KEY", newKey + ","},
		"one sealing key twice":           {"KONSTRUCT_SECRETS_KEY", newKey + "," + newKey},
		"a superuser":                     {"DATABASE_URL", "postgres://postgres:x@127.0.0.1/konstruct"},
		"the owner":                       {"DATABASE_URL", "postgres://konstruct_owner:x@127.0.0.1/konstruct"},
		"the resolver":                    {"DATABASE_URL", "postgres://konstruct_resolver:x@127.0.0.1/konstruct"},
		"another database":                {"DATABASE_URL", "mysql://konstruct_app:x@127.0.0.1/konstruct"},
		"a keyword string":                {"DATABASE_URL", "host=127.0.0.1 user=konstruct_app"},
		"a port that is none":             {"DATABASE_URL", "postgres://konstruct_app:x@127.0.0.1:port/konstruct"},
		"an unknown sslmode":              {"DATABASE_URL", app + "?sslmode=perhaps"},
		"a preset tenant":                 {"DATABASE_URL", app + "?options=-c%20app.current_tenant%3Dx"},
		"a preset tenant without options": {"DATABASE_URL", app + "?app.current_tenant=x"},
		"a preset role":                   {"DATABASE_URL", app + "?role=konstruct_owner"},
		"a preset search path":            {"DATABASE_URL", app + "?search_path=other"},
		"row security off":                {"DATABASE_URL", app + "?row_security=off"},
		"a pool size in the URL":          {"DATABASE_URL", app + "?pool_max_conns=3"},
		"another query mode in the URL":   {"DATABASE_URL", app + "?default_query_exec_mode=simple_protocol"},
		"the simple protocol":             {"KONSTRUCT_DB_QUERY_MODE", "simple_protocol"},
		"describe_exec":                   {"KONSTRUCT_DB_QUERY_MODE", "describe_exec"},
		"a negative pool":                 {"KONSTRUCT_DB_MAX_CONNS", "-1"},
		"a pool beyond reason":            {"KONSTRUCT_DB_MAX_CONNS", "1001"},
		"a pool in words":                 {"KONSTRUCT_DB_MAX_CONNS", "many"},
		"Redis over HTTP":                 {"REDIS_URL", "http://127.0.0.1:6379"},
		"Redis without a scheme":          {"REDIS_URL", "127.0.0.1:6379"},
		"Redis without a host":            {"REDIS_URL", "redis://:secret@:6379"},
		"Redis on port 0":                 {"REDIS_URL", "redis://127.0.0.1:0"},
		"an Ollama that is no URL":        {"OLLAMA_BASE_URL", "ollama"},
		"an Ollama over FTP":              {"OLLAMA_BASE_URL", "ftp://127.0.0.1"},
		"a listener without a port":       {"KONSTRUCT_LISTEN_ADDR", "127.0.0.1"},
		"a listener on port 65536":        {"KONSTRUCT_LISTEN_ADDR", "127.0.0.1:65536"},
		"a listener by name":              {"KONSTRUCT_LISTEN_ADDR", "example.com:8080"},
		"proxies by name":                 {"KONSTRUCT_TRUSTED_PROXIES", "proxy.example.com"},
		"everybody a proxy":               {"KONSTRUCT_TRUSTED_PROXIES", "0.0.0.0/0"},
		"everybody a proxy over IPv6":     {"KONSTRUCT_TRUSTED_PROXIES", "10.0.0.0/8,::/0"},
		"docs perhaps":                    {"KONSTRUCT_DOCS", "perhaps"},
		"a shutdown without a unit":       {"KONSTRUCT_SHUTDOWN_TIMEOUT", "15"},
		"no time to shut down":            {"KONSTRUCT_SHUTDOWN_TIMEOUT", "0s"},
		"a drain delay without a unit":    {"KONSTRUCT_DRAIN_DELAY", "5"},
		"a negative drain delay":          {"KONSTRUCT_DRAIN_DELAY", "-1s"},
		"a drain delay that never ends":   {"KONSTRUCT_DRAIN_DELAY", "11m"},
		"a shutdown that never ends":      {"KONSTRUCT_SHUTDOWN_TIMEOUT", "11m"},
		"an unknown log level":            {"KONSTRUCT_LOG_LEVEL", "loud"},
		"an unknown log format":           {"KONSTRUCT_LOG_FORMAT", "xml"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			serve, err := config.LoadServe(with(working(), config.Env{tt.variable: tt.value}))

			require.Equal(t, []string{tt.variable}, variables(t, err))
			require.Equal(t, config.Serve{}, serve, "a faulty configuration is not handed out")
		})
	}
}

func TestServeAcceptsHarmlessParameters(t *testing.T) {
	t.Parallel()

	for _, parameters := range []string{
		"sslmode=disable", "application_name=konstruct", "connect_timeout=3", "target_session_attrs=read-write",
		"default_query_exec_mode=cache_statement",
	} {
		_, err := config.LoadServe(with(working(), config.Env{
			"DATABASE_URL": "postgres://konstruct_app:x@127.0.0.1/konstruct?" + parameters,
		}))
		require.NoError(t, err, parameters)
	}
}

func TestServeReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()

	_, err := config.LoadServe(config.Env{
		"DATABASE_URL":               "postgres://postgres:x@127.0.0.1/konstruct?search_path=other",
		"REDIS_URL":                  "canary",
		"KONSTRUCT_LISTEN_ADDR":      "nowhere",
		"KONSTRUCT_SHUTDOWN_TIMEOUT": "soon",
		"KONSTRUCT_LOG_LEVEL":        "loud",
	})

	require.Equal(t, []string{
		"DATABASE_URL", "KONSTRUCT_LISTEN_ADDR", "KONSTRUCT_LOG_LEVEL", "KONSTRUCT_SHUTDOWN_TIMEOUT", "REDIS_URL",
	}, variables(t, err))
	require.Contains(t, err.Error(), "DATABASE_URL: logs in as postgres")
	require.Contains(t, err.Error(), "DATABASE_URL: presets search_path", "two faults of one variable are both told")
}

func TestServeRefusesTheMigrationsUser(t *testing.T) {
	t.Parallel()

	both := config.Env{
		"DATABASE_URL":           "postgres://acme:x@127.0.0.1/konstruct",
		"MIGRATION_DATABASE_URL": "postgres://acme:y@127.0.0.1/konstruct",
	}
	_, err := config.LoadServe(with(working(), both))
	require.Equal(t, []string{"DATABASE_URL"}, variables(t, err))
	require.Contains(t, err.Error(), "the user of MIGRATION_DATABASE_URL")

	_, err = config.LoadUser(both)
	require.Equal(t, []string{"DATABASE_URL"}, variables(t, err))

	both["MIGRATION_DATABASE_URL"] = "postgres://acme_owner:y@127.0.0.1/konstruct"
	_, err = config.LoadServe(with(working(), both))
	require.NoError(t, err)
}

func TestServeDoesNotMindABrokenOwnerURL(t *testing.T) {
	t.Parallel()

	_, err := config.LoadServe(with(working(), config.Env{"MIGRATION_DATABASE_URL": "not a url"}))
	require.NoError(t, err)
}

func TestExamplesAreRefusedOffLoopback(t *testing.T) {
	t.Parallel()

	example := readExample(t)
	_, err := config.LoadServe(example)
	require.NoError(t, err, "the example works on one machine")

	secrets := []string{"DATABASE_URL", "KONSTRUCT_SECRETS_KEY", "REDIS_URL", "SLACK_SIGNING_SECRET"}
	for name, change := range map[string]config.Env{
		"listening on every interface": {"KONSTRUCT_LISTEN_ADDR": ":8080"},
		"listening on 0.0.0.0":         {"KONSTRUCT_LISTEN_ADDR": "0.0.0.0:8080"},
		"listening on a private net":   {"KONSTRUCT_LISTEN_ADDR": "[fd00::1]:8080"},
		"a database elsewhere": {
			"DATABASE_URL": "postgres://konstruct_app:konstruct-app-example@db:5432/konstruct",
		},
		"a second database elsewhere": {
			"DATABASE_URL": "postgres://konstruct_app:konstruct-app-example@127.0.0.1:5432,db:5432/konstruct",
		},
		"a Redis elsewhere": {"REDIS_URL": "redis://:konstruct-redis-example@redis:6379"},
	} {
		_, err := config.LoadServe(with(example, change))
		require.Equal(t, secrets, variables(t, err), name)
	}

	_, err = config.LoadServe(with(published(), config.Env{"AUTH_SECRET": "konstruct-app-example"}))
	require.Equal(t, []string{"AUTH_SECRET"}, variables(t, err), "an example value in another place")
	_, err = config.LoadServe(published())
	require.NoError(t, err)
}

func TestLoopbackInAllItsForms(t *testing.T) {
	t.Parallel()

	for _, host := range []string{"127.0.0.1", "127.8.9.10", "localhost", "[::1]", "%2Fvar%2Frun%2Fpostgresql"} {
		serve, err := config.LoadServe(with(readExample(t), config.Env{
			"DATABASE_URL": "postgres://konstruct_app:konstruct-app-example@" + host + "/konstruct",
		}))
		require.NoError(t, err, host)
		require.True(t, serve.Database.URL.IsLoopback(), host)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()

	migrate, err := config.LoadMigrate(config.Env{})
	require.NoError(t, err)
	require.Equal(t, "konstruct_owner", migrate.Owner.OwnerURL.User())

	_, err = config.LoadMigrate(config.Env{"MIGRATION_DATABASE_URL": "postgres://postgres:x@db/konstruct"})
	require.NoError(t, err, "a superuser may bootstrap")

	for name, value := range map[string]string{
		"the server's role":        "postgres://konstruct_app:x@127.0.0.1/konstruct",
		"a preset":                 "postgres://konstruct_owner:x@127.0.0.1/konstruct?row_security=on",
		"the example off loopback": "postgres://konstruct_owner:konstruct-owner-example@db/konstruct",
		"something that is no URL": "konstruct_owner",
		"a port that is no number": "postgres://konstruct_owner:x@db:p/konstruct",
	} {
		_, err := config.LoadMigrate(config.Env{"MIGRATION_DATABASE_URL": value})
		require.Equal(t, []string{"MIGRATION_DATABASE_URL"}, variables(t, err), name)
	}
}

func TestUserRefusesWhatTheServerRefuses(t *testing.T) {
	t.Parallel()

	_, err := config.LoadUser(config.Env{})
	require.NoError(t, err, "no Slack and no sealing key are needed to create a user")

	for name, value := range map[string]string{
		"a superuser":              "postgres://postgres:x@127.0.0.1/konstruct",
		"a preset":                 "postgres://konstruct_app:x@127.0.0.1/konstruct?app.current_tenant=x",
		"the example off loopback": "postgres://konstruct_app:konstruct-app-example@db/konstruct",
	} {
		_, err := config.LoadUser(config.Env{"DATABASE_URL": value})
		require.Equal(t, []string{"DATABASE_URL"}, variables(t, err), name)
	}
}

func TestDoctorTakesAnyPatient(t *testing.T) {
	t.Parallel()

	doctor, err := config.LoadDoctor(config.Env{"DATABASE_URL": "postgres://postgres:x@db/konstruct?row_security=off"})
	require.NoError(t, err)
	require.Equal(t, "postgres", doctor.Database.URL.User())

	_, err = config.LoadDoctor(config.Env{"DATABASE_URL": "nothing"})
	require.Equal(t, []string{"DATABASE_URL"}, variables(t, err))
}

func TestDevStaysOnLoopbackAndIgnoresOtherServers(t *testing.T) {
	t.Parallel()

	_, err := config.LoadDev(config.Env{"DATABASE_URL": "broken", "MIGRATION_DATABASE_URL": "broken", "REDIS_URL": "broken"})
	require.NoError(t, err)

	for _, address := range []string{":8080", "0.0.0.0:8080", "192.0.2.1:8080", "broken"} {
		_, err := config.LoadDev(config.Env{"KONSTRUCT_LISTEN_ADDR": address})
		require.Equal(t, []string{"KONSTRUCT_LISTEN_ADDR"}, variables(t, err), address)
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()

	local, err := config.LoadLocal(config.Env{})
	require.NoError(t, err)
	require.Equal(t, "konstruct-app-example", local.AppPassword.Reveal())
	require.EqualValues(t, 5432, local.PostgresPort)

	_, err = config.LoadLocal(config.Env{
		"KONSTRUCT_APP_PASSWORD": "new", "KONSTRUCT_OWNER_PASSWORD": "new", "REDIS_PASSWORD": "new",
		"POSTGRES_PORT": "0", "REDIS_PORT": "65536", "OLLAMA_PORT": "x",
	})
	require.Equal(t, []string{
		"KONSTRUCT_APP_PASSWORD", "KONSTRUCT_OWNER_PASSWORD", "OLLAMA_PORT", "POSTGRES_PORT", "REDIS_PASSWORD", "REDIS_PORT",
	}, variables(t, err), "a password changed in one place only is found")

	_, err = config.LoadLocal(config.Env{
		"KONSTRUCT_APP_PASSWORD": "new", "DATABASE_URL": "postgres://konstruct_app:new@127.0.0.1/konstruct",
		"REDIS_URL": "redis://:elsewhere@redis:6379",
	})
	require.NoError(t, err)
}

func TestNoFaultQuotesAValue(t *testing.T) {
	t.Parallel()

	for variable := range readExample(t) {
		for _, value := range []string{
			"canary", " canary ", "postgres://u:canary@h:canary/db", "postgres://u:ca%nary@h/db", "redis://:can%ary@h:canary",
			"postgres://konstruct_app:canary@h/db?options=canary&sslmode=canary", "canary://canary:canary@canary",
			"postgres://konstruct_app:x@127.0.0.1/konstruct?options=canary",
		} {
			env := with(working(), config.Env{variable: value})
			for _, err := range loadAll(env) {
				if err != nil {
					require.NotContains(t, err.Error(), "nary", variable)
				}
			}
		}
	}
}

func loadAll(env config.Env) []error {
	_, serve := config.LoadServe(env)
	_, migrate := config.LoadMigrate(env)
	_, doctor := config.LoadDoctor(env)
	_, user := config.LoadUser(env)
	_, keys := config.LoadKeys(env)
	_, dev := config.LoadDev(env)
	_, local := config.LoadLocal(env)

	return []error{serve, migrate, doctor, user, keys, dev, local}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(file, []byte("FROM_FILE=file\nIN_BOTH=file\n# comment\nQUOTED='a $b'\n"), 0o600))

	env, err := config.Environment([]string{"IN_BOTH=process", "WITH_EQUALS=a=b", "malformed"}, file)
	require.NoError(t, err)
	require.Equal(t, config.Env{
		"FROM_FILE": "file", "IN_BOTH": "process", "WITH_EQUALS": "a=b", "QUOTED": "a $b",
	}, env)
	require.Empty(t, os.Getenv("FROM_FILE"), "the process's environment is left alone")
}

func TestEnvironmentWithoutAFile(t *testing.T) {
	t.Parallel()

	env, err := config.Environment([]string{"A=1"}, filepath.Join(t.TempDir(), ".env"))
	require.NoError(t, err)
	require.Equal(t, config.Env{"A": "1"}, env)
}

func TestEnvironmentRefusesABrokenFileWithoutQuotingIt(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(file, []byte("GOOD=1\nbad name=canary\n"), 0o600))

	_, err := config.Environment(nil, file)
	require.ErrorIs(t, err, config.ErrDotEnv)
	require.NotContains(t, err.Error(), "canary")
	require.Contains(t, err.Error(), file)

	_, err = config.Environment(nil, t.TempDir())
	require.ErrorIs(t, err, config.ErrDotEnv, "a folder is no file")
}

func TestFaultsReadWell(t *testing.T) {
	t.Parallel()

	err := config.Faults{{Variable: "A", Problem: "is wrong"}, {Variable: "A", Problem: "is odd"}, {Variable: "B", Problem: "is missing"}}
	require.EqualError(t, err, "the configuration cannot be used:\n  A: is wrong\n  A: is odd\n  B: is missing")
	require.Equal(t, []string{"A", "B"}, err.Variables())
}
