package config

import "strings"

// Serve is the configuration of `konstruct serve`.
type Serve struct {
	Database    Database
	Redis       Redis
	HTTP        HTTP
	Telemetry   Telemetry
	Log         Log
	Slack       Slack
	Models      Models
	SecretsKeys SecretsKeys `env:"KONSTRUCT_SECRETS_KEY"`
	AuthSecret  Secret      `env:"AUTH_SECRET"` // The portal's; optional.
}

// LoadServe reads what the server needs. Of the owner's URL it looks at the user name only, to refuse a server that
// would run as the owner; nothing of it is kept. A failure is [Faults].
func LoadServe(env Env) (Serve, error) {
	var serve Serve
	faults := parse(&serve, env)

	serve.Database.check(&faults, ownerUser(env))
	serve.Redis.check(&faults)
	serve.HTTP.check(&faults)
	serve.Telemetry.check(&faults, env)
	serve.Models.check(&faults)
	if serve.isPublished(faults) {
		serve.refuseExamples(&faults)
	}
	if err := faults.err(); err != nil {
		return Serve{}, err
	}

	return serve, nil
}

// isPublished tells whether another machine can reach the server, through a reverse proxy or without one, or is reached
// by it. What could not be read counts as local: it is a fault of its own.
func (s Serve) isPublished(faults Faults) bool {
	return !faults.has("KONSTRUCT_LISTEN_ADDR") && !isLoopbackListener(s.HTTP.ListenAddr) ||
		len(s.HTTP.TrustedProxies.Prefixes()) > 0 ||
		!s.Database.URL.IsLoopback() ||
		!faults.has("REDIS_URL") && !s.Redis.RedisURL.isLoopback()
}

func (s Serve) refuseExamples(faults *Faults) {
	faults.refuseExample(databaseVariable, s.Database.URL.password())
	faults.refuseExample("REDIS_URL", s.Redis.RedisURL.password())
	faults.refuseExample("SLACK_SIGNING_SECRET", s.Slack.SigningSecret.Reveal())
	faults.refuseExample("AUTH_SECRET", s.AuthSecret.Reveal())
	if faults.has("KONSTRUCT_SECRETS_KEY") {
		return
	}
	// Without it each process would count login attempts by itself, and forget them when it ends.
	faults.require("KONSTRUCT_SECRETS_KEY", s.SecretsKeys.IsSet(),
		"is required where another machine can reach the server (openssl rand -base64 32)")
	faults.require("KONSTRUCT_SECRETS_KEY", !s.SecretsKeys.hasExample(), exampleProblem)
}

// hasProxies tells whether the server of this environment stands behind a reverse proxy, and so is published.
func hasProxies(env Env) bool { return env[proxiesVariable] != "" }

// ownerUser is the user name of the migrations' URL, and nothing else of it.
func ownerUser(env Env) string {
	var owner DatabaseURL
	if err := owner.UnmarshalText([]byte(env[ownerVariable])); err != nil {
		return ownerRole
	}

	return owner.User()
}

// Migrate is the configuration of `konstruct migrate`.
type Migrate struct {
	Owner Owner
	Log   Log
}

// Owner is the migrations' way to PostgreSQL, as the role konstruct_owner or, for the bootstrap, as a superuser.
type Owner struct {
	OwnerURL DatabaseURL `env:"MIGRATION_DATABASE_URL" envDefault:"postgres://konstruct_owner:konstruct-owner-example@127.0.0.1:5432/konstruct"`
}

// LoadMigrate reads what migrations need. A failure is [Faults].
func LoadMigrate(env Env) (Migrate, error) {
	var migrate Migrate
	faults := parse(&migrate, env)

	owner := migrate.Owner.OwnerURL
	if !faults.has(ownerVariable) {
		faults.require(ownerVariable, owner.User() != "konstruct_app",
			"logs in as konstruct_app, which may not change the schema: use konstruct_owner")
		faults.require(ownerVariable, len(owner.presets()) == 0, "presets "+strings.Join(owner.presets(), ", ")+
			": migrations choose their session's settings themselves")
	}
	if !owner.IsLoopback() || hasProxies(env) {
		faults.refuseExample(ownerVariable, owner.password())
	}
	if err := faults.err(); err != nil {
		return Migrate{}, err
	}

	return migrate, nil
}

// Doctor is the configuration of `konstruct doctor`. The URL is taken as it is: judging it is the doctor's task.
type Doctor struct {
	Database Database
	Log      Log
}

// LoadDoctor reads what the doctor needs. A failure is [Faults].
func LoadDoctor(env Env) (Doctor, error) {
	var doctor Doctor
	faults := parse(&doctor, env)
	if err := faults.err(); err != nil {
		return Doctor{}, err
	}

	return doctor, nil
}

// User is the configuration of `konstruct user`.
type User struct {
	Database Database
	Log      Log
	// SecretsKeys finds the login attempts of an address, which the server counts under a key derived from the first.
	SecretsKeys SecretsKeys `env:"KONSTRUCT_SECRETS_KEY"`
}

// LoadUser reads what the user commands need, and judges it as [LoadServe] does. A failure is [Faults].
func LoadUser(env Env) (User, error) {
	var user User
	faults := parse(&user, env)

	user.Database.check(&faults, ownerUser(env))
	if !user.Database.URL.IsLoopback() || hasProxies(env) {
		faults.refuseExample(databaseVariable, user.Database.URL.password())
	}
	if err := faults.err(); err != nil {
		return User{}, err
	}

	return user, nil
}

// Dev is the configuration of `konstruct dev`, which brings its own servers and keys and so reads no *_URL of them.
type Dev struct {
	HTTP      HTTP
	Telemetry Telemetry
	Log       Log
	Models    Models
}

// LoadDev reads what the dev command needs. It listens on loopback, or not at all. A failure is [Faults].
func LoadDev(env Env) (Dev, error) {
	var dev Dev
	faults := parse(&dev, env)

	dev.HTTP.check(&faults)
	dev.Telemetry.check(&faults, env)
	dev.Models.check(&faults)
	if !faults.has("KONSTRUCT_LISTEN_ADDR") {
		faults.require("KONSTRUCT_LISTEN_ADDR", isLoopbackListener(dev.HTTP.ListenAddr),
			"must be on loopback for dev: its data are a demonstration (use serve)")
	}
	if err := faults.err(); err != nil {
		return Dev{}, err
	}

	return dev, nil
}
