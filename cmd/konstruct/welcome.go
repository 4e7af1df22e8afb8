package main

import (
	"context"
	"io"
	"text/template"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/migrate"
)

// welcome prints addresses, credentials, and commands to try.
func (d *devSystem) welcome(ctx context.Context, client *ent.Client, address string, out io.Writer) error {
	demo := demoTenants()[0]
	acme, err := client.Tenant.Query().Where(tenant.Slug(demo.slug)).Only(ctx)
	if err != nil {
		return err
	}
	text, err := template.New("welcome").Parse(welcomeText)
	if err != nil {
		return err
	}
	return text.Execute(out, map[string]any{
		"URL": "http://" + address, "Email": d.state.AdminEmail, "Password": d.state.AdminPassword,
		"Tenant": acme.ID, "Name": acme.Name, "Workspace": demo.workspace,
		"SlackSecret": d.state.SlackSecret, "Folder": d.folder,
		"Postgres": d.postgres.String(), "Redis": d.redis.String(), "Program": programName(),
		"DatabaseURL": d.postgres.URL(migrate.AppRole, d.state.AppPassword, databaseName),
	})
}

// The indented blocks can be pasted into a POSIX shell, in order.
const welcomeText = `
Konstruct is running.

  API        {{.URL}}
  docs       {{.URL}}/docs
  mail       {{.URL}}/dev/mail
  log in     {{.Email}}  {{.Password}}
  data       {{.Folder}}  ({{.Postgres}}, {{.Redis}})

Create a second user (prompts for a password):

  DATABASE_URL='{{.DatabaseURL}}' \
    {{.Program}} user create second@example.com

Log in and list the agents of {{.Name}}:

  TOKEN=$(curl -s {{.URL}}/v1/auth/login -H 'Content-Type: application/json' \
    -d '{"email":"{{.Email}}","password":"{{.Password}}"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
  curl -s {{.URL}}/v1/tenants/{{.Tenant}}/agents -H "Authorization: Bearer $TOKEN"

Send a signed Slack event; the log shows the tenant that receives it:

  BODY='{"type":"event_callback","team_id":"{{.Workspace}}","api_app_id":"A0DEMO0001",
    "event_id":"Ev0DEMO0001","event_time":1700000000,
    "authorizations":[{"team_id":"{{.Workspace}}","user_id":"U0BOT00001","is_bot":true}],
    "event":{"type":"message","channel":"C0DEMO0001","channel_type":"channel","user":"U0ADA00001",
      "text":"Hello, Ada!","ts":"1700000000.000100","event_ts":"1700000000.000100"}}'
  NOW=$(date +%s)
  SIGNATURE=$(printf 'v0:%s:%s' "$NOW" "$BODY" | openssl dgst -sha256 -hmac '{{.SlackSecret}}' | sed 's/.*= */v0=/')
  curl -si {{.URL}}/v1/channels/slack/events -H 'Content-Type: application/json' \
    -H "X-Slack-Request-Timestamp: $NOW" -H "X-Slack-Signature: $SIGNATURE" -d "$BODY"

Press Ctrl-C to stop.

`
