package config_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestServeNeedsNothingLocally(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(config.Env{})
	require.NoError(t, err)
	require.False(t, serve.Slack.SigningSecret.IsSet())
	require.False(t, serve.SecretsKeys.IsSet(), "no default key")
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
		"signing secret with a newline":     {"SLACK_SIGNING_SECRET", "secret\n"},
		"redaction mark":                    {"OPENAI_API_KEY", "[redacted]"},
		"sealing key of 31 bytes":           {"KONSTRUCT_SECRETS_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA=="},
		"sealing key not in base64":         {"KONSTRUCT_SECRETS_KEY", "not base64"},
		"empty sealing key":                 {"KONSTRUCT_SECRETS_KEY", newKey + ","},
		"duplicate sealing key":             {"KONSTRUCT_SECRETS_KEY", newKey + "," + newKey},
		"superuser":                         {"DATABASE_URL", "postgres://postgres:x@127.0.0.1/konstruct"},
		"owner role":                        {"DATABASE_URL", "postgres://konstruct_owner:x@127.0.0.1/konstruct"},
		"resolver role":                     {"DATABASE_URL", "postgres://konstruct_resolver:x@127.0.0.1/konstruct"},
		"MySQL":                             {"DATABASE_URL", "mysql://konstruct_app:x@127.0.0.1/konstruct"},
		"keyword/value string":              {"DATABASE_URL", "host=127.0.0.1 user=konstruct_app"},
		"invalid port":                      {"DATABASE_URL", "postgres://konstruct_app:x@127.0.0.1:port/konstruct"},
		"unknown sslmode":                   {"DATABASE_URL", app + "?sslmode=perhaps"},
		"tenant in options":                 {"DATABASE_URL", app + "?options=-c%20app.current_tenant%3Dx"},
		"tenant parameter":                  {"DATABASE_URL", app + "?app.current_tenant=x"},
		"role parameter":                    {"DATABASE_URL", app + "?role=konstruct_owner"},
		"search_path parameter":             {"DATABASE_URL", app + "?search_path=other"},
		"row_security parameter":            {"DATABASE_URL", app + "?row_security=off"},
		"pool size in the URL":              {"DATABASE_URL", app + "?pool_max_conns=3"},
		"other query mode in the URL":       {"DATABASE_URL", app + "?default_query_exec_mode=simple_protocol"},
		"simple protocol":                   {"KONSTRUCT_DB_QUERY_MODE", "simple_protocol"},
		"describe_exec":                     {"KONSTRUCT_DB_QUERY_MODE", "describe_exec"},
		"negative pool size":                {"KONSTRUCT_DB_MAX_CONNS", "-1"},
		"pool size too large":               {"KONSTRUCT_DB_MAX_CONNS", "1001"},
		"pool size not a number":            {"KONSTRUCT_DB_MAX_CONNS", "many"},
		"Redis over HTTP":                   {"REDIS_URL", "http://127.0.0.1:6379"},
		"Redis without a scheme":            {"REDIS_URL", "127.0.0.1:6379"},
		"Redis without a host":              {"REDIS_URL", "redis://:secret@:6379"},
		"Redis on port 0":                   {"REDIS_URL", "redis://127.0.0.1:0"},
		"Ollama without a scheme":           {"OLLAMA_BASE_URL", "ollama"},
		"Ollama over FTP":                   {"OLLAMA_BASE_URL", "ftp://127.0.0.1"},
		"listen address without a port":     {"KONSTRUCT_LISTEN_ADDR", "127.0.0.1"},
		"listen port 65536":                 {"KONSTRUCT_LISTEN_ADDR", "127.0.0.1:65536"},
		"listen address with a host name":   {"KONSTRUCT_LISTEN_ADDR", "example.com:8080"},
		"proxy with a host name":            {"KONSTRUCT_TRUSTED_PROXIES", "proxy.example.com"},
		"every IPv4 address a proxy":        {"KONSTRUCT_TRUSTED_PROXIES", "0.0.0.0/0"},
		"every IPv6 address a proxy":        {"KONSTRUCT_TRUSTED_PROXIES", "10.0.0.0/8,::/0"},
		"every IPv4-mapped address a proxy": {"KONSTRUCT_TRUSTED_PROXIES", "::ffff:0:0/96"},
		"docs not a boolean":                {"KONSTRUCT_DOCS", "perhaps"},
		"shutdown timeout without a unit":   {"KONSTRUCT_SHUTDOWN_TIMEOUT", "15"},
		"shutdown timeout of zero":          {"KONSTRUCT_SHUTDOWN_TIMEOUT", "0s"},
		"drain delay without a unit":        {"KONSTRUCT_DRAIN_DELAY", "5"},
		"negative drain delay":              {"KONSTRUCT_DRAIN_DELAY", "-1s"},
		"drain delay too long":              {"KONSTRUCT_DRAIN_DELAY", "11m"},
		"shutdown timeout too long":         {"KONSTRUCT_SHUTDOWN_TIMEOUT", "11m"},
		"unknown log level":                 {"KONSTRUCT_LOG_LEVEL", "loud"},
		"unknown log format":                {"KONSTRUCT_LOG_FORMAT", "xml"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			serve, err := config.LoadServe(with(working(), config.Env{tt.variable: tt.value}))

			require.Equal(t, []string{tt.variable}, variables(t, err))
			require.Equal(t, config.Serve{}, serve, "an invalid configuration must not be returned")
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
	require.Contains(t, err.Error(), "DATABASE_URL: connects as postgres")
	require.Contains(t, err.Error(), "DATABASE_URL: must not set search_path", "both faults of the variable")
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
