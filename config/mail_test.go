package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

const smtpURL, mailFrom, portalURL = "KONSTRUCT_SMTP_URL", "KONSTRUCT_MAIL_FROM", "KONSTRUCT_PORTAL_URL"

// mailing is a configuration with mail.
func mailing() config.Env {
	return config.Env{
		smtpURL: "smtps://me:own@mail.example.com", mailFrom: "Konstruct <noreply@example.com>",
		portalURL: "https://portal.example.com",
	}
}

func TestMail(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(mailing())
	require.NoError(t, err)
	require.Equal(t, "smtps://me:own@mail.example.com", serve.Mail.SMTPURL.Reveal())
	require.Equal(t, "smtps://mail.example.com", serve.Mail.SMTPURL.String())
	require.Equal(t, "Konstruct <noreply@example.com>", serve.Mail.MailFrom)
	require.Equal(t, "https://portal.example.com", serve.Mail.Portal().String())
	serve.Mail.Portal().Host = "changed"
	require.Equal(t, "portal.example.com", serve.Mail.Portal().Host, "a copy")

	dev, err := config.LoadDev(mailing())
	require.NoError(t, err)
	require.Equal(t, serve.Mail.SMTPURL.Reveal(), dev.Mail.SMTPURL.Reveal())

	serve, err = config.LoadServe(config.Env{})
	require.NoError(t, err)
	require.False(t, serve.Mail.SMTPURL.IsSet())
	require.Nil(t, serve.Mail.Portal())
}

func TestMailNeedsItsVariablesTogether(t *testing.T) {
	t.Parallel()

	for set, want := range map[[3]bool]string{
		{false, false, false}: "",
		{false, false, true}:  "", // the API returns links to the portal
		{false, true, false}:  mailFrom,
		{false, true, true}:   mailFrom,
		{true, false, false}:  mailFrom + " " + portalURL,
		{true, false, true}:   mailFrom,
		{true, true, false}:   portalURL,
		{true, true, true}:    "",
	} {
		env := config.Env{}
		for i, variable := range []string{smtpURL, mailFrom, portalURL} {
			env[variable] = "" // as in .env.example
			if set[i] {
				env[variable] = mailing()[variable]
			}
		}
		for name, load := range map[string]func(config.Env) (any, error){
			"serve": command(config.LoadServe), "dev": command(config.LoadDev),
		} {
			_, err := load(env)
			if want == "" {
				require.NoError(t, err, name)
				continue
			}
			require.Equal(t, want, variables(err), name)
		}
	}

	_, err := config.LoadServe(config.Env{mailFrom: mailing()[mailFrom]})
	require.ErrorContains(t, err, "KONSTRUCT_MAIL_FROM: has no effect without KONSTRUCT_SMTP_URL; set both or none")
	_, err = config.LoadServe(config.Env{smtpURL: "canary"})
	require.Equal(t, "KONSTRUCT_MAIL_FROM KONSTRUCT_PORTAL_URL KONSTRUCT_SMTP_URL", variables(err), "all faults at once")
}

func TestMailFaultsByName(t *testing.T) {
	t.Parallel()

	for variable, values := range map[string][]string{
		smtpURL: {
			"mail.example.com:587", "http://mail.example.com", "smtp://", "smtp://:587", "smtp://mail.example.com:0",
			"smtp://mail.example.com:port", "smtp:mail.example.com", "smtp://mail.example.com/canary",
			"smtp://mail.example.com?tls=off", "smtps://mail.example.com?tls=off", "smtps://127.0.0.1?tls=off",
			"smtp://127.0.0.1?tls=on", "smtp://127.0.0.1?tls=off&canary=1", "smtp://127.0.0.1?canary",
			"smtp://localhost.example.com?tls=off", "smtp://me@mail.example.com", "smtp://:canary@mail.example.com",
			"smtp://me:@mail.example.com", "smtp://me:can/ary@mail.example.com", "smtp://mail.example.com#canary",
		},
		mailFrom: {
			"canary", "canary@", "a@example.com, b@example.com", "Canary\n <a@example.com>", "a@example.com\r\nBcc: canary@x",
			"=?utf-8?q?Can=0D=0Aary?= <a@example.com>", "<canary>",
		},
		portalURL: {
			"portal.example.com", "ftp://portal.example.com", "http://portal.example.com", "https://",
			"https://me:canary@portal.example.com", "https://me@portal.example.com", "https://portal.example.com?canary",
			"https://portal.example.com?", "https://portal.example.com#canary", "http://localhost.example.com",
			"https://portal.example.com:0", "http://128.0.0.1:3000",
		},
	} {
		for _, value := range values {
			serve, err := config.LoadServe(with(mailing(), config.Env{variable: value}))
			require.Equal(t, variable, variables(err), value)
			require.NotContains(t, err.Error(), "nary")
			require.Equal(t, config.Serve{}, serve)
			_, err = config.LoadDev(with(mailing(), config.Env{variable: value}))
			require.Equal(t, variable, variables(err), value)
		}
	}
}

func TestMailAccepts(t *testing.T) {
	t.Parallel()

	for variable, values := range map[string][]string{
		smtpURL: {
			"smtp://mail.example.com", "smtp://me%40example.com:p%2Fw@mail.example.com:587", "smtp://mail.example.com/",
			"smtp://127.0.0.1:1025", "smtp://localhost:1025?tls=off", "smtp://[::1]:1025?tls=off", "smtps://10.0.0.7:465",
		},
		mailFrom: {
			"noreply@example.com", "<noreply@example.com>", `"Konstruct, Inc." <noreply@example.com>`, "Zoë <z@example.com>",
		},
		portalURL: {
			"https://portal.example.com/", "https://example.com/konstruct", "https://portal.example.com:8443",
			"http://localhost:3000", "http://127.0.0.1:3000/base", "http://[::1]:3000",
		},
	} {
		for _, value := range values {
			_, err := config.LoadServe(with(mailing(), config.Env{variable: value}))
			require.NoError(t, err, value)
		}
	}
}
