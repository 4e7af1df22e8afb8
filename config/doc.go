// Package config loads the configuration of each command from the environment and a .env file.
//
// Each command has a struct ([Serve], [Migrate], [Doctor], [User], [Keys], [Dev], [Health], [Local]) with only what it
// needs: the server never holds the owner's connection string.
//
//	env, err := config.Environment(os.Environ(), ".env")
//	if err != nil { … }
//	cfg, err := config.LoadServe(env)
//
// [Faults] reports all faults at once, by variable, without values. Secrets ([Secret], [DatabaseURL], [URL],
// [SecretsKeys]) are redacted in fmt, slog and encoding/json. .env.example documents each variable.
//
// The .env file is read as Docker Compose reads it. After [IgnoreLibpq], only libpq's PG* variables for credentials and
// TLS apply.
//
// The package imports only redact of this module. It is for cmd: everything below receives plain values.
package config
