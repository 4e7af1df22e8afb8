package config

// Redis is the connection to Redis.
type Redis struct {
	RedisURL URL `env:"REDIS_URL" envDefault:"redis://:konstruct-redis-example@127.0.0.1:6379/0"`
}

func (r Redis) check(faults *Faults) {
	faults.checkURL("REDIS_URL", r.RedisURL, "redis", "rediss", "unix")
}

// Slack is the credentials of the Slack app. Without a signing secret the webhook is disabled.
type Slack struct {
	BotToken      Secret `env:"SLACK_BOT_TOKEN"`
	SigningSecret Secret `env:"SLACK_SIGNING_SECRET"`
}

// Models is the access to language models. Everything is optional.
type Models struct {
	AnthropicAPIKey Secret `env:"ANTHROPIC_API_KEY"`
	OpenAIAPIKey    Secret `env:"OPENAI_API_KEY"`
	OllamaBaseURL   URL    `env:"OLLAMA_BASE_URL" envDefault:"http://127.0.0.1:11434"`
}

func (m Models) check(faults *Faults) {
	faults.checkURL("OLLAMA_BASE_URL", m.OllamaBaseURL, "http", "https")
}
