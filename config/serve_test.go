package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestServeNeedsNothingLocally(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(config.Env{"0_A": "x"}) // as for a slice of structs
	require.NoError(t, err)
	require.False(t, serve.Slack.SigningSecret.IsSet())
	require.False(t, serve.SecretsKeys.IsSet(), "no default key")
	require.NotEmpty(t, serve.Redis.RedisURL.Reveal())

	require.Equal(t, "127.0.0.1:8080", serve.HTTP.ListenAddr)
	require.Equal(t, 15*time.Second, serve.HTTP.ShutdownTimeout)
	require.Equal(t, "konstruct_app", serve.Database.URL.User())
	require.True(t, serve.Database.URL.IsLoopback())
	require.EqualValues(t, "cache_statement", serve.Database.QueryMode)
	require.Positive(t, serve.Database.PoolSize())
	require.Equal(t, config.LogText, serve.Log.Format)
	require.False(t, serve.HTTP.Docs)
	require.Empty(t, serve.HTTP.TrustedProxies.Prefixes())
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
	require.EqualValues(t, "exec", serve.Database.QueryMode)
	require.Equal(t, "[10.0.0.0/8 192.0.2.1/32 2001:db8::/32]", fmt.Sprint(serve.HTTP.TrustedProxies.Prefixes()))
	require.Len(t, serve.SecretsKeys.Reveal(), 2)
	require.Equal(t, config.LogJSON, serve.Log.Format)
	require.False(t, serve.Database.URL.IsLoopback())
}

func TestDrainDelay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listen, set string
		want        time.Duration
	}{
		{"127.0.0.1:8080", "", 0},
		{"localhost:8080", "", 0},
		{"[::1]:8080", "", 0},
		{":8080", "", 5 * time.Second},
		{"0.0.0.0:8080", "", 5 * time.Second},
		{"10.0.0.7:8080", "", 5 * time.Second},
		{":8080", "0s", 0},
		{":8080", "20s", 20 * time.Second},
		{"127.0.0.1:8080", "2s", 2 * time.Second},
	} {
		serve, err := config.LoadServe(with(published(), config.Env{
			"KONSTRUCT_LISTEN_ADDR": tt.listen, "KONSTRUCT_DRAIN_DELAY": tt.set,
		}))
		require.NoError(t, err)
		require.Equal(t, tt.want, serve.HTTP.Drain(), tt)
	}
}

func TestServeFaultsByName(t *testing.T) {
	t.Parallel()

	const app = "postgres://konstruct_app:x@127.0.0.1/konstruct"
	for variable, values := range map[string][]string{
		"SLACK_SIGNING_SECRET": {"secret\n"},
		"OPENAI_API_KEY":       {"[redacted]"},
		"KONSTRUCT_SECRETS_KEY": {
			"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA==", // 31 bytes
			"not base64",
			newKey + ",",
			newKey + "," + newKey,
		},
		"DATABASE_URL": {
			"postgres://postgres:x@127.0.0.1/konstruct",
			"postgres://konstruct_owner:x@127.0.0.1/konstruct",
			"postgres://konstruct_resolver:x@127.0.0.1/konstruct",
			"mysql://konstruct_app:x@127.0.0.1/konstruct",
			"host=127.0.0.1 user=konstruct_app",
			"postgres://konstruct_app:x@127.0.0.1:port/konstruct",
			app + "?sslmode=perhaps",
			app + "?options=-c%20app.current_tenant%3Dx",
			app + "?app.current_tenant=x",
			app + "?role=konstruct_owner",
			app + "?search_path=other",
			app + "?row_security=off",
			app + "?pool_max_conns=3",
			app + "?default_query_exec_mode=simple_protocol",
		},
		"KONSTRUCT_DB_QUERY_MODE":    {"simple_protocol", "describe_exec"},
		"KONSTRUCT_DB_MAX_CONNS":     {"-1", "1001", "many"},
		"REDIS_URL":                  {"http://127.0.0.1:6379", "127.0.0.1:6379", "redis://:secret@:6379", "redis://127.0.0.1:0"},
		"OLLAMA_BASE_URL":            {"ollama", "ftp://127.0.0.1"},
		"KONSTRUCT_LISTEN_ADDR":      {"127.0.0.1", "127.0.0.1:65536", "example.com:8080"},
		"KONSTRUCT_TRUSTED_PROXIES":  {"proxy.example.com", "0.0.0.0/0", "10.0.0.0/8,::/0", "::ffff:0:0/96"},
		"KONSTRUCT_DOCS":             {"perhaps"},
		"KONSTRUCT_SHUTDOWN_TIMEOUT": {"15", "0s", "11m"},
		"KONSTRUCT_DRAIN_DELAY":      {"5", "-1s", "11m"},
		"KONSTRUCT_LOG_LEVEL":        {"loud"},
		"KONSTRUCT_LOG_FORMAT":       {"xml"},
	} {
		for _, value := range values {
			serve, err := config.LoadServe(with(working(), config.Env{variable: value}))
			require.Equal(t, variable, variables(err), value)
			require.Equal(t, config.Serve{}, serve, "an invalid configuration must not be returned")
		}
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

	require.Equal(t, "DATABASE_URL KONSTRUCT_LISTEN_ADDR KONSTRUCT_LOG_LEVEL KONSTRUCT_SHUTDOWN_TIMEOUT REDIS_URL", variables(err))
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
	require.Equal(t, "DATABASE_URL", variables(err))
	require.Contains(t, err.Error(), "the user of MIGRATION_DATABASE_URL")

	_, err = config.LoadUser(both)
	require.Equal(t, "DATABASE_URL", variables(err))

	both["MIGRATION_DATABASE_URL"] = "postgres://acme_owner:y@127.0.0.1/konstruct"
	_, err = config.LoadServe(with(working(), both))
	require.NoError(t, err)
}

func TestServeDoesNotMindABrokenOwnerURL(t *testing.T) {
	t.Parallel()

	_, err := config.LoadServe(with(working(), config.Env{"MIGRATION_DATABASE_URL": "not a url"}))
	require.NoError(t, err)
}
