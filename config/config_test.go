package config_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

const newKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// working is a configuration for one machine.
func working() config.Env {
	return config.Env{"SLACK_SIGNING_SECRET": "a-signing-secret", "KONSTRUCT_SECRETS_KEY": newKey}
}

// published is a configuration that other machines can reach.
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

func TestNoFaultQuotesAValue(t *testing.T) {
	t.Parallel()

	for variable := range readExample(t) {
		for _, value := range []string{
			"canary", " canary ", "postgres://u:canary@h:canary/db", "postgres://u:ca%nary@h/db",
			"redis://:can%ary@h:canary",
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

func TestFaultsReadWell(t *testing.T) {
	t.Parallel()

	err := config.Faults{
		{Variable: "A", Problem: "is wrong"},
		{Variable: "A", Problem: "is odd"},
		{Variable: "B", Problem: "is missing"},
	}
	require.EqualError(t, err, "invalid configuration:\n  A: is wrong\n  A: is odd\n  B: is missing")
	require.Equal(t, []string{"A", "B"}, err.Variables())
}
