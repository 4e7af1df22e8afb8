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
	Mail        Mail
	Models      Models
	SecretsKeys SecretsKeys `env:"KONSTRUCT_SECRETS_KEY"`
	AuthSecret  Secret      `env:"AUTH_SECRET"` // of the portal; optional
}

// LoadServe loads [Serve]. It uses only the user name of MIGRATION_DATABASE_URL, to refuse a server that connects as
// the owner role. The error is [Faults].
func LoadServe(env Env) (Serve, error) { return load(env, (*Serve).check) }

func (s *Serve) check(faults *Faults, env Env) {
	s.Database.check(faults, ownerUser(env))
	s.Redis.check(faults)
	s.HTTP.check(faults)
	s.Telemetry = s.Telemetry.checked(faults, env)
	s.Mail.check(faults)
	s.Models.check(faults)
	if s.isPublished(*faults) {
		s.refuseExamples(faults)
	}
}

// isPublished reports whether other machines can reach the server, directly or through a proxy, or it connects to one.
// Invalid values count as local, because they are faults already.
func (s *Serve) isPublished(faults Faults) bool {
	return !faults.has("KONSTRUCT_LISTEN_ADDR") && !s.HTTP.IsLoopback() ||
		!faults.has(metricsVariable) && !s.Telemetry.IsLoopback() || // profiles show memory
		len(s.HTTP.TrustedProxies.Prefixes()) > 0 ||
		!s.Database.URL.IsLoopback() ||
		!faults.has("REDIS_URL") && !s.Redis.RedisURL.isLoopback()
}

func (s *Serve) refuseExamples(faults *Faults) {
	faults.refuseExample(databaseVariable, s.Database.URL.password())
	faults.refuseExample("REDIS_URL", s.Redis.RedisURL.password())
	faults.refuseExample("SLACK_SIGNING_SECRET", s.Slack.SigningSecret.Reveal())
	faults.refuseExample("AUTH_SECRET", s.AuthSecret.Reveal())
	// Without a key each process would count login attempts separately and lose them when it exits.
	faults.require("KONSTRUCT_SECRETS_KEY", s.SecretsKeys.IsSet() || faults.has("KONSTRUCT_SECRETS_KEY"),
		"is required if another machine can reach the server (generate one: openssl rand -base64 32)")
	faults.require("KONSTRUCT_SECRETS_KEY", !s.SecretsKeys.hasExample(), exampleProblem)
}

// isShared reports whether a database is on another machine, or a reverse proxy publishes the server.
func isShared(u DatabaseURL, env Env) bool {
	return !u.IsLoopback() || env["KONSTRUCT_TRUSTED_PROXIES"] != ""
}

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
func LoadMigrate(env Env) (Migrate, error) { return load(env, (*Migrate).check) }

func (m *Migrate) check(faults *Faults, env Env) {
	owner := m.Owner.OwnerURL
	if !faults.has(ownerVariable) {
		faults.require(ownerVariable, owner.User() != "konstruct_app",
			"connects as konstruct_app, which cannot change the schema; use konstruct_owner")
		faults.require(ownerVariable, len(owner.presets()) == 0, "must not set "+strings.Join(owner.presets(), ", ")+
			"; migrations configure their own session")
	}
	if isShared(owner, env) {
		faults.refuseExample(ownerVariable, owner.password())
	}
}

// Doctor is the configuration of `konstruct doctor`. Its URL is not checked, because the doctor examines the role.
type Doctor struct {
	Database Database
	Log      Log
}

// LoadDoctor loads [Doctor]. The error is [Faults].
func LoadDoctor(env Env) (Doctor, error) { return load(env, func(*Doctor, *Faults, Env) {}) }

// User is the configuration of `konstruct user`.
type User struct {
	Database Database
	Log      Log
	// SecretsKeys derives the key under which the server counts login attempts.
	SecretsKeys SecretsKeys `env:"KONSTRUCT_SECRETS_KEY"`
}

// LoadUser loads [User], with the checks of [LoadServe]. The error is [Faults].
func LoadUser(env Env) (User, error) { return load(env, (*User).check) }

func (u *User) check(faults *Faults, env Env) {
	u.Database.check(faults, ownerUser(env))
	if isShared(u.Database.URL, env) {
		faults.refuseExample(databaseVariable, u.Database.URL.password())
	}
}

// Keys is the configuration of `konstruct keys`.
type Keys struct {
	User
}

// LoadKeys loads [Keys], with the checks of [LoadServe]. The error is [Faults].
func LoadKeys(env Env) (Keys, error) { return load(env, (*Keys).check) }

func (k *Keys) check(faults *Faults, env Env) {
	k.User.check(faults, env)
	keys := k.SecretsKeys.Reveal()
	if len(keys) == 0 {
		faults.require("KONSTRUCT_SECRETS_KEY", faults.has("KONSTRUCT_SECRETS_KEY"),
			"is required; list the new key first, then the keys that are still in use")
	} else if isShared(k.Database.URL, env) {
		// As an older key, the example can be rotated out.
		faults.refuseExample("KONSTRUCT_SECRETS_KEY", string(keys[0]))
	}
}

// Dev is the configuration of `konstruct dev`, which starts its own servers and generates its keys.
type Dev struct {
	HTTP      HTTP
	Telemetry Telemetry
	Log       Log
	Mail      Mail
	Models    Models
}

// LoadDev loads [Dev], which must listen on loopback. The error is [Faults].
func LoadDev(env Env) (Dev, error) { return load(env, (*Dev).check) }

func (d *Dev) check(faults *Faults, env Env) {
	d.HTTP.check(faults)
	d.Telemetry = d.Telemetry.checked(faults, env)
	d.Mail.check(faults)
	d.Models.check(faults)
	faults.require("KONSTRUCT_LISTEN_ADDR", d.HTTP.IsLoopback() || faults.has("KONSTRUCT_LISTEN_ADDR"),
		"must be a loopback address: dev serves demo data (use serve instead)")
}

// Health is the configuration of `konstruct health`.
type Health struct {
	HTTP HTTP
}

// LoadHealth loads [Health]. The error is [Faults].
func LoadHealth(env Env) (Health, error) {
	return load(env, func(h *Health, faults *Faults, _ Env) { h.HTTP.check(faults) })
}
