package config

import "slices"

// The passwords and keys of .env.example. They make a fresh checkout work on one machine, and are refused as soon as
// anything can be reached from another one.
//
//nolint:gosec // They are public on purpose.
const (
	exampleSuperuserPassword  = "konstruct-postgres-example"
	exampleOwnerPassword      = "konstruct-owner-example"
	exampleAppPassword        = "konstruct-app-example"
	exampleRedisPassword      = "konstruct-redis-example"
	exampleSlackSigningSecret = "konstruct-slack-example"
	exampleSecretsKey         = "konstruct-example-key-change-me!"
)

const exampleProblem = "is the value of .env.example, which is public: change it before another machine can reach the server"

func isExample(secret string) bool {
	return slices.Contains([]string{
		exampleSuperuserPassword, exampleOwnerPassword, exampleAppPassword, exampleRedisPassword,
		exampleSlackSigningSecret, exampleSecretsKey,
	}, secret)
}

func (f *Faults) refuseExample(variable, secret string) {
	f.require(variable, !isExample(secret), exampleProblem)
}
