package config

import "slices"

// Secrets of .env.example, accepted on one machine only.
//
//nolint:gosec // public on purpose
const (
	exampleSuperuserPassword  = "konstruct-postgres-example"
	exampleOwnerPassword      = "konstruct-owner-example"
	exampleAppPassword        = "konstruct-app-example"
	exampleRedisPassword      = "konstruct-redis-example"
	exampleSlackSigningSecret = "konstruct-slack-example"
	exampleSecretsKey         = "konstruct-example-key-change-me!"
)

const exampleProblem = "is the public value of .env.example; change it before another machine can reach the server"

func isExample(secret string) bool {
	return slices.Contains([]string{
		exampleSuperuserPassword, exampleOwnerPassword, exampleAppPassword, exampleRedisPassword,
		exampleSlackSigningSecret, exampleSecretsKey,
	}, secret)
}

func (f *Faults) refuseExample(variable, secret string) {
	f.require(variable, !isExample(secret), exampleProblem)
}
