package config_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

// passwords have an unescaped special character between two parts that no error may contain. Digits can be parsed as a
// port.
func passwords() []string {
	var all []string
	for _, c := range "@:/?#[]%&=+,;!$'\"()*<>^`{|}~\\ \t\n\x00\x7fé\u2028" {
		for _, parts := range [][2]string{{"hunter", "zwei"}, {"4711", "0815"}, {"hunter", "0815"}, {"4711", "zwei"}} {
			all = append(all, parts[0]+string(c)+parts[1])
		}
	}
	return append(all, "hunter%zzzwei", "hunter%2", "hunter%", "4711@0815:99999/x?hunter=zwei", "//hunter@zwei",
		"hunter%40zwei%")
}

// malformations are malformed URLs with the password.
func malformations(scheme, user, password string) []string {
	userinfo := user + ":" + password
	return []string{
		scheme + "://" + userinfo + "@127.0.0.1:5432/0",
		scheme + "://" + userinfo + "@127.0.0.1:5432",
		scheme + "://" + userinfo + "@127.0.0.1/0?sslmode=disable",
		scheme + "://" + userinfo + "@",                    // no host
		scheme + "://" + userinfo,                          // no @
		scheme + "://" + userinfo + "127.0.0.1:5432/0",     // no @, and a host
		scheme + "://" + userinfo + "/127.0.0.1:5432/0",    // / for @
		scheme + "://" + user + "@" + password + "/0",      // @ for :
		scheme + "://" + user + "@127.0.0.1:" + password,   // in place of the port
		scheme + "://127.0.0.1:5432/0?" + password,         // in the query
		scheme + "://" + user + "@127.0.0.1/0#" + password, // as a fragment
		scheme + ":" + userinfo + "@127.0.0.1:5432/0",
		scheme + "//" + userinfo + "@127.0.0.1:5432/0",
		userinfo + "@127.0.0.1:5432/0",
		password + "://" + user + "@127.0.0.1:5432/0",
		" " + scheme + "://" + userinfo + "@127.0.0.1:5432/0",
		scheme + "://" + scheme + "://" + userinfo + "@127.0.0.1:5432/0",
		scheme + "://" + userinfo + "@127.0.0.1:99999/0",
		scheme + "://" + userinfo + "@127.0.0.1:port/0",
		scheme + "://" + userinfo + "@[::1/0",
		scheme + "://" + userinfo + "@127.0.0.1:5432/0?options=-c%20app.current_tenant%3D" + password,
		password,
	}
}

func TestMalformedURLsTellNothing(t *testing.T) {
	t.Parallel()
	for variable, form := range map[string][2]string{
		"DATABASE_URL":           {"postgres", "konstruct_app"},
		"MIGRATION_DATABASE_URL": {"postgres", "konstruct_owner"},
		"REDIS_URL":              {"redis", ""},
		"OLLAMA_BASE_URL":        {"http", "me"},
		"KONSTRUCT_SMTP_URL":     {"smtp", "me"},
		"KONSTRUCT_PORTAL_URL":   {"https", "me"},
	} {
		for _, password := range passwords() {
			for _, text := range malformations(form[0], form[1], password) {
				for _, load := range commands() {
					_, err := load(with(working(), config.Env{variable: text}))
					for _, part := range []string{"hunter", "zwei", "4711", "0815"} {
						require.NotContains(t, fmt.Sprint(err), part, "%s: %q", variable, text)
					}
				}
			}
		}
	}
}

// Part of the password would be the host, the path or a parameter.
func TestAPasswordThatEndedUpElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	_, err := config.LoadServe(with(working(), config.Env{
		"DATABASE_URL": "postgres://konstruct_app:hunter@zwei@127.0.0.1:5432/konstruct",
	}))
	require.Equal(t, "DATABASE_URL", variables(err), "pgx parses zwei@127.0.0.1 as the host")
	for _, c := range "/?#" {
		for variable, form := range map[string]string{
			"DATABASE_URL": "postgres://konstruct_app:%s@127.0.0.1:5432/konstruct",
			"REDIS_URL":    "redis://:%s@127.0.0.1:6379/0",
		} {
			for _, password := range []string{"4711" + string(c) + "zwei", "hunter" + string(c) + "zwei"} {
				_, err := config.LoadServe(with(working(), config.Env{variable: fmt.Sprintf(form, password)}))
				require.Equal(t, variable, variables(err), password)
			}
			escaped := fmt.Sprintf(form, url.QueryEscape("4711"+string(c)+"zwei"))
			_, err := config.LoadServe(with(working(), config.Env{variable: escaped}))
			require.NoError(t, err, "percent-encoded")
		}
	}
}
