package config

import "slices"

const exampleProblem = "is the public value of .env.example; change it before another machine can reach the server"

// isExample reports whether a secret is one of .env.example, which are accepted on one machine only.
func isExample(secret string) bool {
	return slices.Contains([]string{
		"konstruct-postgres-example", "konstruct-owner-example", "konstruct-app-example", "konstruct-redis-example",
		"konstruct-slack-example", "konstruct-example-key-change-me!",
	}, secret)
}

func (f *Faults) refuseExample(variable, secret string) {
	f.require(variable, !isExample(secret), exampleProblem)
}
