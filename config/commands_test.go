package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestMigrate(t *testing.T) {
	t.Parallel()

	migrate, err := config.LoadMigrate(config.Env{})
	require.NoError(t, err)
	require.Equal(t, "konstruct_owner", migrate.Owner.OwnerURL.User())

	_, err = config.LoadMigrate(config.Env{"MIGRATION_DATABASE_URL": "postgres://postgres:x@db/konstruct"})
	require.NoError(t, err, "a superuser may bootstrap")

	for name, value := range map[string]string{
		"server role":                      "postgres://konstruct_app:x@127.0.0.1/konstruct",
		"session setting":                  "postgres://konstruct_owner:x@127.0.0.1/konstruct?row_security=on",
		"example password on another host": "postgres://konstruct_owner:konstruct-owner-example@db/konstruct",
		"not a URL":                        "konstruct_owner",
		"invalid port":                     "postgres://konstruct_owner:x@db:p/konstruct",
	} {
		_, err := config.LoadMigrate(config.Env{"MIGRATION_DATABASE_URL": value})
		require.Equal(t, "MIGRATION_DATABASE_URL", variables(err), name)
	}
}

func TestUserRefusesWhatTheServerRefuses(t *testing.T) {
	t.Parallel()

	_, err := config.LoadUser(config.Env{})
	require.NoError(t, err, "creating a user needs no configuration")

	for name, value := range map[string]string{
		"superuser":                        "postgres://postgres:x@127.0.0.1/konstruct",
		"session setting":                  "postgres://konstruct_app:x@127.0.0.1/konstruct?app.current_tenant=x",
		"example password on another host": "postgres://konstruct_app:konstruct-app-example@db/konstruct",
	} {
		_, err := config.LoadUser(config.Env{"DATABASE_URL": value})
		require.Equal(t, "DATABASE_URL", variables(err), name)
	}
}

func TestDoctorAcceptsAnyURL(t *testing.T) {
	t.Parallel()

	doctor, err := config.LoadDoctor(config.Env{"DATABASE_URL": "postgres://postgres:x@db/konstruct?row_security=off"})
	require.NoError(t, err)
	require.Equal(t, "postgres", doctor.Database.URL.User())

	_, err = config.LoadDoctor(config.Env{"DATABASE_URL": "nothing"})
	require.Equal(t, "DATABASE_URL", variables(err))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	example := readExample(t)["KONSTRUCT_SECRETS_KEY"]
	here, elsewhere := "postgres://konstruct_app:x@127.0.0.1/konstruct", "postgres://konstruct_app:x@db/konstruct"

	for name, tc := range map[string]struct{ url, keys, faulty string }{
		"new key before the old one": {elsewhere, newKey + "," + example, ""},
		"example on one machine":     {here, example, ""},
		"example as the sealing key": {elsewhere, example + "," + newKey, "KONSTRUCT_SECRETS_KEY"},
		"no key":                     {here, "", "KONSTRUCT_SECRETS_KEY"},
		"wrong key length":           {here, newKey + ",c2hvcnQ=", "KONSTRUCT_SECRETS_KEY"},
		"superuser":                  {"postgres://postgres:x@127.0.0.1/konstruct", newKey, "DATABASE_URL"},
		"example password on another host": {
			"postgres://konstruct_app:konstruct-app-example@db/konstruct", newKey, "DATABASE_URL",
		},
	} {
		keys, err := config.LoadKeys(config.Env{"DATABASE_URL": tc.url, "KONSTRUCT_SECRETS_KEY": tc.keys})
		if tc.faulty != "" {
			require.Equal(t, tc.faulty, variables(err), name)
			continue
		}
		require.NoError(t, err, name)
		require.NotEmpty(t, keys.SecretsKeys.Reveal())
	}
}

func TestDevStaysOnLoopbackAndIgnoresOtherServers(t *testing.T) {
	t.Parallel()

	_, err := config.LoadDev(config.Env{
		"DATABASE_URL": "broken", "MIGRATION_DATABASE_URL": "broken", "REDIS_URL": "broken",
	})
	require.NoError(t, err)

	for _, address := range []string{":8080", "0.0.0.0:8080", "192.0.2.1:8080", "broken"} {
		_, err := config.LoadDev(config.Env{"KONSTRUCT_LISTEN_ADDR": address})
		require.Equal(t, "KONSTRUCT_LISTEN_ADDR", variables(err), address)
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
	require.Equal(t, "KONSTRUCT_APP_PASSWORD KONSTRUCT_OWNER_PASSWORD OLLAMA_PORT POSTGRES_PORT REDIS_PASSWORD REDIS_PORT", variables(err), "a password changed in one place only")

	_, err = config.LoadLocal(config.Env{
		"KONSTRUCT_APP_PASSWORD": "new", "DATABASE_URL": "postgres://konstruct_app:new@127.0.0.1/konstruct",
		"REDIS_URL": "redis://:elsewhere@redis:6379",
	})
	require.NoError(t, err)
}
