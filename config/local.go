package config

import "strings"

// Local is the configuration of `konstruct local` and of docker-compose.yml.
type Local struct {
	ProjectName       string `env:"COMPOSE_PROJECT_NAME"` // "" for servers and data that all checkouts share
	SuperuserPassword Secret `env:"POSTGRES_PASSWORD"        envDefault:"konstruct-postgres-example"`
	OwnerPassword     Secret `env:"KONSTRUCT_OWNER_PASSWORD" envDefault:"konstruct-owner-example"`
	AppPassword       Secret `env:"KONSTRUCT_APP_PASSWORD"   envDefault:"konstruct-app-example"`
	RedisPassword     Secret `env:"REDIS_PASSWORD"           envDefault:"konstruct-redis-example"`
	PostgresPort      uint16 `env:"POSTGRES_PORT"            envDefault:"5432"`
	RedisPort         uint16 `env:"REDIS_PORT"               envDefault:"6379"`
	OllamaPort        uint16 `env:"OLLAMA_PORT"              envDefault:"11434"`
	ServerPort        uint16 `env:"KONSTRUCT_PORT"           envDefault:"8080"`
}

// LoadLocal loads [Local]. The error is [Faults].
func LoadLocal(env Env) (Local, error) { return load(env, (*Local).check) }

func (l *Local) check(faults *Faults, env Env) {
	faults.require(projectVariable, isProjectName(l.ProjectName), projectProblem)
	l.checkPorts(faults)
	l.checkAgainstURLs(faults, env)
}

const (
	projectVariable = "COMPOSE_PROJECT_NAME"
	projectProblem  = "must consist of lower-case letters, digits, - and _, and start with a letter or digit"
)

// LoadProjectName loads only COMPOSE_PROJECT_NAME, so that the local servers can be stopped despite other faults. The
// error is [Faults].
func LoadProjectName(env Env) (string, error) {
	name := env[projectVariable]
	if !isProjectName(name) {
		return "", Faults{{Variable: projectVariable, Problem: projectProblem}}
	}

	return name, nil
}

// isProjectName reports whether name is "" or a valid Compose project name.
func isProjectName(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && !strings.HasPrefix(name, "-") &&
		!strings.HasPrefix(name, "_")
}

func (l *Local) checkPorts(faults *Faults) {
	for variable, port := range map[string]uint16{
		"POSTGRES_PORT": l.PostgresPort, "REDIS_PORT": l.RedisPort, "OLLAMA_PORT": l.OllamaPort,
		"KONSTRUCT_PORT": l.ServerPort,
	} {
		faults.require(variable, port > 0 || faults.has(variable), "must be between 1 and 65535")
	}
}

// checkAgainstURLs finds a password that was changed in one place only. URLs of other machines are ignored.
func (l *Local) checkAgainstURLs(faults *Faults, env Env) {
	var urls struct {
		Database Database
		Owner    Owner
		Redis    Redis
	}
	_ = parse(&urls, env) // reported by the commands that use the URLs

	app, owner, redis := urls.Database.URL, urls.Owner.OwnerURL, urls.Redis.RedisURL
	faults.require("KONSTRUCT_APP_PASSWORD", !app.IsLoopback() || app.password() == l.AppPassword.Reveal(),
		"does not match the password in "+databaseVariable)
	faults.require("KONSTRUCT_OWNER_PASSWORD", !owner.IsLoopback() || owner.password() == l.OwnerPassword.Reveal(),
		"does not match the password in "+ownerVariable)
	faults.require("REDIS_PASSWORD", !redis.isLoopback() || redis.password() == l.RedisPassword.Reveal(),
		"does not match the password in REDIS_URL")
}
