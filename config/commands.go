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
	AuthSecret  Secret      `env:"AUTH_SECRET"` // of the portal; optional
}

// LoadServe loads [Serve]. It uses only the user name of MIGRATION_DATABASE_URL, to refuse a server that connects as
// the owner role. The error is [Faults].
func LoadServe(env Env) (Serve, error) {
	var serve Serve
	faults := parse(&serve, env)

	serve.Database.check(&faults, ownerUser(env))
	serve.Redis.check(&faults)
	serve.HTTP.check(&faults)
	serve.Telemetry = serve.Telemetry.checked(&faults, env)
	serve.Models.check(&faults)
	if serve.isPublished(faults) {
		serve.refuseExamples(&faults)
	}
	if err := faults.err(); err != nil {
		return Serve{}, err
	}

	return serve, nil
}

// isPublished reports whether other machines can reach the server, directly or through a proxy, or it connects to one.
// Invalid values count as local, because they are faults already.
func (s Serve) isPublished(faults Faults) bool {
	return !faults.has("KONSTRUCT_LISTEN_ADDR") && !s.HTTP.IsLoopback() ||
		!faults.has(metricsVariable) && !s.Telemetry.IsLoopback() || // profiles show memory
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
	// Without a key each process would count login attempts separately and lose them when it exits.
	faults.require("KONSTRUCT_SECRETS_KEY", s.SecretsKeys.IsSet(),
		"is required if another machine can reach the server (generate one: openssl rand -base64 32)")
	faults.require("KONSTRUCT_SECRETS_KEY", !s.SecretsKeys.hasExample(), exampleProblem)
}

// hasProxies reports whether a reverse proxy publishes the server.
func hasProxies(env Env) bool { return env[proxiesVariable] != "" }

// ownerUser returns the user name of MIGRATION_DATABASE_URL.
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

// Owner is the connection of migrations, as konstruct_owner or, for the bootstrap, as a superuser.
type Owner struct {
	OwnerURL DatabaseURL `env:"MIGRATION_DATABASE_URL" envDefault:"postgres://konstruct_owner:konstruct-owner-example@127.0.0.1:5432/konstruct"`
}

// LoadMigrate loads [Migrate]. The error is [Faults].
func LoadMigrate(env Env) (Migrate, error) {
	var migrate Migrate
	faults := parse(&migrate, env)

	owner := migrate.Owner.OwnerURL
	if !faults.has(ownerVariable) {
		faults.require(ownerVariable, owner.User() != "konstruct_app",
			"connects as konstruct_app, which cannot change the schema; use konstruct_owner")
		faults.require(ownerVariable, len(owner.presets()) == 0, "must not set "+strings.Join(owner.presets(), ", ")+
			"; migrations configure their own session")
	}
	if !owner.IsLoopback() || hasProxies(env) {
		faults.refuseExample(ownerVariable, owner.password())
	}
	if err := faults.err(); err != nil {
		return Migrate{}, err
	}

	return migrate, nil
}

// Doctor is the configuration of `konstruct doctor`. Its URL is not checked, because the doctor examines the role.
type Doctor struct {
	Database Database
	Log      Log
}

// LoadDoctor loads [Doctor]. The error is [Faults].
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
	// SecretsKeys derives the key under which the server counts login attempts.
	SecretsKeys SecretsKeys `env:"KONSTRUCT_SECRETS_KEY"`
}

// LoadUser loads [User], with the checks of [LoadServe]. The error is [Faults].
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

// Dev is the configuration of `konstruct dev`, which starts its own servers and generates its keys.
type Dev struct {
	HTTP      HTTP
	Telemetry Telemetry
	Log       Log
	Models    Models
}

// LoadDev loads [Dev], which must listen on loopback. The error is [Faults].
func LoadDev(env Env) (Dev, error) {
	var dev Dev
	faults := parse(&dev, env)

	dev.HTTP.check(&faults)
	dev.Telemetry = dev.Telemetry.checked(&faults, env)
	dev.Models.check(&faults)
	if !faults.has("KONSTRUCT_LISTEN_ADDR") {
		faults.require("KONSTRUCT_LISTEN_ADDR", dev.HTTP.IsLoopback(),
			"must be a loopback address: dev serves demo data (use serve instead)")
	}
	if err := faults.err(); err != nil {
		return Dev{}, err
	}

	return dev, nil
}

// Health is the configuration of `konstruct health`.
type Health struct {
	HTTP HTTP
}

// LoadHealth loads [Health]. The error is [Faults].
func LoadHealth(env Env) (Health, error) {
	var health Health
	faults := parse(&health, env)
	health.HTTP.check(&faults)
	return health, faults.err()
}
