package config_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// variables returns the faulty variables, separated by spaces.
func variables(err error) string {
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return fmt.Sprint(err)
	}
	var names []string
	for _, fault := range faults {
		names = append(names, fault.Variable)
	}

	return strings.Join(slices.Compact(names), " ")
}

// commands loads the configuration of each command.
func commands() map[string]func(config.Env) (any, error) {
	return map[string]func(config.Env) (any, error){
		"serve": command(config.LoadServe), "migrate": command(config.LoadMigrate), "doctor": command(config.LoadDoctor),
		"user": command(config.LoadUser), "keys": command(config.LoadKeys), "dev": command(config.LoadDev),
		"health": command(config.LoadHealth), "local": command(config.LoadLocal),
	}
}

func command[C any](load func(config.Env) (C, error)) func(config.Env) (any, error) {
	return func(env config.Env) (any, error) { return load(env) }
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
			for _, load := range commands() {
				_, err := load(with(working(), config.Env{variable: value}))
				require.NotContains(t, fmt.Sprint(err), "nary", variable)
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
}
