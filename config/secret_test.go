package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

// canaries has a distinct value for each secret.
func canaries() config.Env {
	return config.Env{
		"DATABASE_URL":             "postgres://konstruct_app:canary-app@127.0.0.1:5432/konstruct?sslpassword=canary-ssl",
		"MIGRATION_DATABASE_URL":   "postgres://konstruct_owner:canary-owner@127.0.0.1:5432/konstruct",
		"REDIS_URL":                "redis://canary-redis-user:canary-redis@127.0.0.1:6379/0?secret=canary-query",
		"SLACK_BOT_TOKEN":          "canary-bot-token",
		"SLACK_SIGNING_SECRET":     "canary-signing",
		"ANTHROPIC_API_KEY":        "canary-anthropic",
		"OPENAI_API_KEY":           "canary-openai",
		"OLLAMA_BASE_URL":          "http://canary-ollama-user:canary-ollama@127.0.0.1:11434",
		"AUTH_SECRET":              "canary-auth",
		"KONSTRUCT_SMTP_URL":       "smtp://canary-mail-user:canary-mail@127.0.0.1:1025",
		"KONSTRUCT_MAIL_FROM":      "Konstruct <noreply@example.com>",
		"KONSTRUCT_PORTAL_URL":     "http://127.0.0.1:3000",
		"KONSTRUCT_SECRETS_KEY":    "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeS1rZXk=",
		"POSTGRES_PASSWORD":        "canary-superuser",
		"KONSTRUCT_OWNER_PASSWORD": "canary-owner",
		"KONSTRUCT_APP_PASSWORD":   "canary-app",
		"REDIS_PASSWORD":           "canary-redis",
	}
}

func TestNoCommandsConfigurationPrintsASecret(t *testing.T) {
	t.Parallel()

	for name, load := range commands() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			loaded, err := load(canaries())
			require.NoError(t, err)
			requireNoCanary(t, printed(t, loaded))
			requireNoCanary(t, printed(t, &loaded))
			requireNoCanary(t, printed(t, struct{ hidden any }{hidden: loaded}))
		})
	}
}

func TestASecretHiddenInAnUnexportedFieldDoesNotPrint(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(canaries())
	require.NoError(t, err)
	holder := struct {
		cfg    config.Serve
		secret config.Secret
		keys   config.SecretsKeys
		url    config.URL
		db     config.DatabaseURL
	}{serve, serve.Slack.SigningSecret, serve.SecretsKeys, serve.Redis.RedisURL, serve.Database.URL}

	requireNoCanary(t, printed(t, holder))
	requireNoCanary(t, printed(t, &holder))
}

func TestReveal(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(canaries())
	require.NoError(t, err)

	require.Equal(t, "canary-signing", serve.Slack.SigningSecret.Reveal())
	require.Equal(t, canaries()["DATABASE_URL"], serve.Database.URL.Reveal())
	require.Equal(t, canaries()["REDIS_URL"], serve.Redis.RedisURL.Reveal())
	require.Equal(t, [][]byte{[]byte("canary-key-canary-key-canary-key")}, serve.SecretsKeys.Reveal())
	require.Equal(t, "postgres://konstruct_app@127.0.0.1:5432/konstruct", serve.Database.URL.String())
	require.Equal(t, "redis://127.0.0.1:6379/0", serve.Redis.RedisURL.String())
	require.Equal(t, "[redacted]", serve.AuthSecret.String())
}

func TestKeysAreCopies(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(canaries())
	require.NoError(t, err)

	clear(serve.SecretsKeys.Reveal()[0])
	require.NotZero(t, serve.SecretsKeys.Reveal()[0][0])
}

func TestSecretsKeysAreReadInOneSpelling(t *testing.T) {
	t.Parallel()
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{0xff}, 32)
	one, two := base64.StdEncoding.EncodeToString(first), base64.StdEncoding.EncodeToString(second)
	for text, want := range map[string][][]byte{
		one:                      {first},
		one + "," + two:          {first, second},
		" " + one + " ,\t" + two: {first, second},
	} {
		var keys config.SecretsKeys
		require.NoError(t, keys.UnmarshalText([]byte(text)))
		require.Equal(t, want, keys.Reveal())
	}
	for _, text := range []string{
		"canary", ",", one + ",", "," + one, one + ",canary", one + one, strings.TrimRight(one, "="), one[:40],
		base64.URLEncoding.EncodeToString(second), base64.StdEncoding.EncodeToString(first[:31]), one + ";" + two,
		one[:len(one)-2] + "F=", // the same 32 bytes in another spelling
	} {
		var keys config.SecretsKeys
		err := keys.UnmarshalText([]byte(text))
		require.Error(t, err, text)
		require.False(t, keys.IsSet())
		for part := range strings.SplitSeq(text, ",") {
			if part != "" {
				require.NotContains(t, err.Error(), part)
			}
		}
	}
}

func TestZeroValuesAreUnsetAndPrintable(t *testing.T) {
	t.Parallel()

	require.False(t, config.Secret{}.IsSet())
	require.False(t, config.URL{}.IsSet())
	require.False(t, config.SecretsKeys{}.IsSet())
	require.Empty(t, config.Secret{}.Reveal())
	require.Empty(t, config.URL{}.Reveal())
	require.Empty(t, config.DatabaseURL{}.Reveal())
	require.Empty(t, config.DatabaseURL{}.User())
	require.Nil(t, config.SecretsKeys{}.Reveal())
	require.NotPanics(t, func() { printed(t, config.Serve{}) })
}

// printed formats value in all usual ways.
func printed(t *testing.T, value any) string {
	t.Helper()

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", value)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("loaded", "config", value)
	slog.New(slog.NewTextHandler(&out, nil)).Info("loaded", "config", value)
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	out.Write(encoded)
	if encoded, err := xml.Marshal(value); err == nil {
		out.Write(encoded)
	}

	return out.String()
}

func requireNoCanary(t *testing.T, text string) {
	t.Helper()

	lower := strings.ToLower(text)
	for _, form := range []string{"canary", "63616e617279", "[99 97 110 97 114 121", "y2fuyxj5"} {
		require.NotContains(t, lower, form)
	}
}
