package mail

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSMTPURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]target{
		"smtp://mail.example.com":                {host: "mail.example.com", port: "587", security: startTLS},
		"smtp://mail.example.com:25/":            {host: "mail.example.com", port: "25", security: startTLS},
		"smtp://user:p%40ss@example.com:587":     {host: "example.com", port: "587", security: startTLS, user: "user"},
		"smtps://user:p%40ss@example.com":        {host: "example.com", port: "465", security: implicitTLS, user: "user"},
		"smtps://[2001:db8::1]:2465":             {host: "2001:db8::1", port: "2465", security: implicitTLS},
		"smtp://127.0.0.1:1025":                  {host: "127.0.0.1", port: "1025", security: optionalTLS},
		"smtp://localhost:1025":                  {host: "localhost", port: "1025", security: optionalTLS},
		"smtp://[::1]:1025?tls=off":              {host: "::1", port: "1025", security: noTLS},
		"smtps://localhost":                      {host: "localhost", port: "465", security: implicitTLS},
		"smtp://localhost.example.com":           {host: "localhost.example.com", port: "587", security: startTLS},
		"smtp://me%40example.com:p%40ss@a.b.org": {host: "a.b.org", port: "587", security: startTLS, user: "me@example.com"},
	} {
		sender, err := NewSMTP(raw)
		require.NoError(t, err, raw)
		if want.user != "" {
			require.Equal(t, "p@ss", sender.password.Reveal())
		}
		got := sender.target
		got.password = want.password
		require.Equal(t, want, got, raw)
	}
	for _, raw := range []string{
		"", "mail.example.com:587", "smtp://", "smtp://:587", "http://canary", "smtp:canary", "smtp://canary:canary",
		"smtp://canary@example.com", "smtp://:canary@example.com", "smtp://canary:@example.com",
		"smtp://example.com/canary", "smtp://example.com#canary", "smtp://example.com?canary", "smtp://can%ary@h",
		"smtp://example.com?tls=off", "smtps://example.com?tls=off", "smtps://127.0.0.1?tls=off",
		"smtp://127.0.0.1?tls=on", "smtp://127.0.0.1?tls=off&canary=1", "smtp://128.0.0.1?tls=off",
		"smtp://127.0.0.1.example.com?tls=off",
	} {
		_, err := NewSMTP(raw)
		require.ErrorIs(t, err, ErrURL, raw)
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"":                                 "",
		"https://portal.example.com":       "https://portal.example.com",
		"https://example.com/konstruct/":   "https://example.com/konstruct",
		"http://localhost:3000/base/below": "http://localhost:3000/base/below",
	} {
		var links Links
		if base != "" {
			portal, err := url.Parse(base)
			require.NoError(t, err)
			links.Portal = portal
		}
		require.Equal(t, want+"/invitation#token=kst_a-b_c", links.Invitation("kst_a-b_c"))
		require.Equal(t, want+"/reset#token=kst_a-b_c", links.Reset("kst_a-b_c"))
		require.Equal(t, want+"/confirm#token=kst_a-b_c", links.Confirm("kst_a-b_c"))
		require.Equal(t, want+"/confirm#token=a%0A%20b", links.Confirm("a\n b"), "one line whatever the token is")
	}
}
