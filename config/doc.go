// Package config turns the process environment and a .env file into the configuration of one command.
//
// Each command has a struct of its own ([Serve], [Migrate], [Doctor], [User], [Keys], [Dev], [Local]) that holds what
// the command needs and nothing else: the server never learns the owner's connection string.
//
//	env, err := config.Environment(os.Environ(), ".env")
//	if err != nil { … }
//	cfg, err := config.LoadServe(env)
//
// Every fault is reported at once, by the name of its variable, as [Faults]. No value is ever part of a fault, and
// the types that hold secrets ([Secret], [DatabaseURL], [URL], [SecretsKeys]) print themselves without them in every
// way that fmt, slog and encoding/json know. .env.example in the repository's root documents each variable.
//
// The .env file is read as Docker Compose reads it. Of libpq's PG* variables only those for credentials and TLS count,
// once [IgnoreLibpq] has been called.
//
// The package imports nothing of this module. It is for cmd: everything below receives plain values.
package config
