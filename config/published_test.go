package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

// exampleSecrets are the server's secrets in .env.example.
const exampleSecrets = "DATABASE_URL KONSTRUCT_SECRETS_KEY REDIS_URL SLACK_SIGNING_SECRET"

func TestSlackIsOptionalWherePublishedAndTheSealingKeyIsNot(t *testing.T) {
	t.Parallel()

	_, err := config.LoadServe(with(published(), config.Env{"SLACK_SIGNING_SECRET": ""}))
	require.NoError(t, err)
	_, err = config.LoadServe(with(published(), config.Env{"KONSTRUCT_SECRETS_KEY": ""}))
	require.Equal(t, "KONSTRUCT_SECRETS_KEY", variables(err))
}

func TestAReverseProxyPublishesALoopbackServer(t *testing.T) {
	t.Parallel()

	proxied := with(readExample(t), config.Env{"KONSTRUCT_TRUSTED_PROXIES": "127.0.0.1"})
	_, err := config.LoadServe(proxied)
	require.Equal(t, exampleSecrets, variables(err))
	_, err = config.LoadMigrate(proxied)
	require.Equal(t, "MIGRATION_DATABASE_URL", variables(err))
	_, err = config.LoadUser(proxied)
	require.Equal(t, "DATABASE_URL", variables(err))
	_, err = config.LoadKeys(proxied)
	require.Equal(t, "DATABASE_URL KONSTRUCT_SECRETS_KEY", variables(err))

	own := with(working(), config.Env{
		"KONSTRUCT_TRUSTED_PROXIES": "127.0.0.1", "DATABASE_URL": "postgres://konstruct_app:own@127.0.0.1/konstruct",
		"REDIS_URL": "redis://:own@127.0.0.1",
	})
	_, err = config.LoadServe(own)
	require.NoError(t, err, "without example secrets")
	_, err = config.LoadKeys(own)
	require.NoError(t, err)
}

func TestExamplesAreRefusedOffLoopback(t *testing.T) {
	t.Parallel()

	example := readExample(t)
	_, err := config.LoadServe(example)
	require.NoError(t, err, "the example on one machine")

	for name, change := range map[string]config.Env{
		"every interface": {"KONSTRUCT_LISTEN_ADDR": ":8080"},
		"0.0.0.0":         {"KONSTRUCT_LISTEN_ADDR": "0.0.0.0:8080"},
		"private network": {"KONSTRUCT_LISTEN_ADDR": "[fd00::1]:8080"},
		"remote database": {
			"DATABASE_URL": "postgres://konstruct_app:konstruct-app-example@db:5432/konstruct",
		},
		"remote second database": {
			"DATABASE_URL": "postgres://konstruct_app:konstruct-app-example@127.0.0.1:5432,db:5432/konstruct",
		},
		"metrics on every interface": {"KONSTRUCT_METRICS_ADDR": ":9464"},
		"remote Redis":               {"REDIS_URL": "redis://:konstruct-redis-example@redis:6379"},
		"remote second Redis": {
			"REDIS_URL": "redis://:konstruct-redis-example@127.0.0.1:6379?addr=127.0.0.1:6380&addr=redis:6379",
		},
	} {
		_, err := config.LoadServe(with(example, change))
		require.Equal(t, exampleSecrets, variables(err), name)
	}

	_, err = config.LoadServe(with(published(), config.Env{"AUTH_SECRET": "konstruct-app-example"}))
	require.Equal(t, "AUTH_SECRET", variables(err), "an example value of another variable")
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
	for _, address := range []string{"127.0.0.1", "[::1]:6379?addr=localhost:6380&addr=::1"} {
		_, err := config.LoadServe(with(readExample(t), config.Env{
			"REDIS_URL": "redis://:konstruct-redis-example@" + address,
		}))
		require.NoError(t, err, address)
	}
}
