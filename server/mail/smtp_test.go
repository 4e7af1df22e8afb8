package mail

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/redact"
)

// canary is in the text and the password, and must not be in errors.
const canary = "canary-4711"

func example() Message {
	return Message{
		From: "Konstruct <noreply@example.com>", To: "ada@example.org", Subject: "Grüße an Zoë",
		Text: "Hello Zoë,\n\n.\nhttps://portal.example.com/reset#token=" + canary + "\n",
	}
}

type testBundle struct {
	*smtpServer

	sender *SMTP
}

// setup starts the server and returns it with a sender that trusts its certificate.
func setup(t *testing.T, server *smtpServer, scheme, userinfo string) testBundle {
	t.Helper()
	roots := server.serve(t)
	sender, err := NewSMTP(server.url(scheme, userinfo))
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, sender.timeout)
	sender.roots = roots
	return testBundle{smtpServer: server, sender: sender}
}

const userinfo = "user:" + canary + "@"

func TestSMTPSends(t *testing.T) {
	t.Parallel()
	login, tlsLogin := []string{"AUTH PLAIN"}, []string{"STARTTLS", "AUTH PLAIN"}
	without := map[string]string{"RSET": "502 no", "NOOP": "502 no"}
	for name, tt := range map[string]struct {
		server           *smtpServer
		scheme, userinfo string
		require          bool // STARTTLS, as for another host
		login, secure    bool
	}{
		"loopback":               {server: &smtpServer{}, scheme: "smtp"},
		"loopback, login":        {&smtpServer{offers: login}, "smtp", userinfo, false, true, false},
		"loopback, STARTTLS":     {&smtpServer{offers: tlsLogin}, "smtp", userinfo, false, true, true},
		"STARTTLS":               {&smtpServer{offers: tlsLogin}, "smtp", userinfo, true, true, true},
		"STARTTLS, no login":     {server: &smtpServer{offers: tlsLogin}, scheme: "smtp", require: true},
		"implicit TLS":           {&smtpServer{implicit: true, offers: login}, "smtps", userinfo, false, true, true},
		"QUIT is not answered":   {server: &smtpServer{answers: map[string]string{"QUIT": drop}}, scheme: "smtp"},
		"neither RSET, nor NOOP": {server: &smtpServer{answers: without}, scheme: "smtp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.server, tt.scheme, tt.userinfo)
			if tt.require {
				b.sender.security = startTLS
			}
			require.NoError(t, b.sender.Send(t.Context(), example()))
			require.Len(t, b.transcript().content, 1)
			requireExample(t, b.transcript().content[0])
			require.Equal(t, tt.login, b.transcript().login == "\x00user\x00"+canary)
			require.Equal(t, tt.secure, b.transcript().secure)
			require.Contains(t, b.transcript().commands, "MAIL FROM:<noreply@example.com>")
			require.Contains(t, b.transcript().commands, "RCPT TO:<ada@example.org>")
		})
	}
}

func requireExample(t *testing.T, content string) {
	t.Helper()
	received, err := netmail.ReadMessage(strings.NewReader(content))
	require.NoError(t, err)
	header := received.Header
	require.Equal(t, `"Konstruct" <noreply@example.com>`, header.Get("From"))
	require.Equal(t, "<ada@example.org>", header.Get("To"))
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, "Grüße an Zoë", subject)
	date, err := header.Date()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)
	require.Regexp(t, `^<[A-Z2-7]{26}@example\.com>$`, header.Get("Message-Id"))
	require.Equal(t, "auto-generated", header.Get("Auto-Submitted"))
	require.Equal(t, "text/plain; charset=UTF-8", header.Get("Content-Type"))
	require.Empty(t, header.Get("User-Agent")+header.Get("X-Mailer"))
	require.Equal(t, "quoted-printable", header.Get("Content-Transfer-Encoding"))
	body, err := io.ReadAll(quotedprintable.NewReader(received.Body))
	require.NoError(t, err)
	require.Equal(t, example().Text, strings.ReplaceAll(string(body), "\r\n", "\n"))
}

// TestSMTPNeedsTLS also shows that failed connections are closed: the server waits for that when the test ends.
func TestSMTPNeedsTLS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		scheme   string
		server   *smtpServer
		security security
		foreign  bool // the certificate is not trusted
		want     string
	}{
		"no STARTTLS": {"smtp", &smtpServer{offers: []string{"AUTH PLAIN"}}, startTLS, false, "does not offer STARTTLS"},
		"foreign certificate": {
			"smtp", &smtpServer{offers: []string{"STARTTLS", "AUTH PLAIN"}}, startTLS, true, "certificate",
		},
		"foreign certificate on loopback": {
			"smtp", &smtpServer{offers: []string{"STARTTLS", "AUTH PLAIN"}}, optionalTLS, true, "certificate",
		},
		"foreign certificate, implicit TLS": {"smtps", &smtpServer{implicit: true}, implicitTLS, true, "certificate"},
		"no implicit TLS":                   {"smtps", &smtpServer{}, implicitTLS, false, "TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.server, tt.scheme, userinfo)
			b.sender.security = tt.security
			if tt.foreign {
				b.sender.roots = x509.NewCertPool()
			}
			err := b.sender.Send(t.Context(), example())
			require.ErrorContains(t, err, tt.want)
			require.NotErrorIs(t, err, ErrPermanent)
			require.Empty(t, b.transcript().login)
			require.Empty(t, b.transcript().content)
		})
	}
}

func TestSMTPWithoutTLSIgnoresTheOffer(t *testing.T) {
	t.Parallel()
	b := setup(t, &smtpServer{offers: []string{"STARTTLS"}}, "smtp", "")
	sender, err := NewSMTP(b.url("smtp", "") + "?tls=off")
	require.NoError(t, err)
	require.NoError(t, sender.Send(t.Context(), example()))
	require.NotContains(t, b.transcript().commands, "STARTTLS")
	require.Len(t, b.transcript().content, 1)
}

func TestSMTPFailures(t *testing.T) {
	t.Parallel()
	const echo = " <ada@example.org> " + canary
	for name, tt := range map[string]struct {
		answers   map[string]string
		permanent bool
		want      string
	}{
		"recipient unknown":   {map[string]string{"RCPT": "550 5.1.1" + echo}, true, "RCPT TO command: status 550 5.1.1"},
		"recipient busy":      {map[string]string{"RCPT": "450 4.2.1" + echo}, false, "RCPT TO command: status 450 4.2.1"},
		"no content":          {map[string]string{"DATA": "554" + echo}, true, "DATA command: status 554"},
		"content rejected":    {map[string]string{".": "550-5" + echo + "\r\n550" + echo}, true, "DATA writer: status 550"},
		"content later":       {map[string]string{".": "451" + echo}, false, "DATA writer: status 451"},
		"sender rejected":     {map[string]string{"MAIL": "553" + echo}, false, "MAIL FROM command: status 553"},
		"login rejected":      {map[string]string{"AUTH": "535 5.7.8" + echo}, false, "login: status 535"},
		"login not SMTP":      {map[string]string{"AUTH": canary}, false, "login failed"},
		"challenge":           {map[string]string{"AUTH": "334 " + canary}, false, "login failed"},
		"no service":          {map[string]string{"GREETING": "554" + echo}, false, "status 554"},
		"later":               {map[string]string{"GREETING": "421" + echo}, false, "status 421"},
		"no EHLO":             {map[string]string{"EHLO": "421" + echo, "HELO": "421" + echo}, false, "status 421"},
		"not SMTP":            {map[string]string{"GREETING": canary}, false, "the response is not SMTP"},
		"greeting dropped":    {map[string]string{"GREETING": drop}, false, "the connection was closed"},
		"sender dropped":      {map[string]string{"MAIL": drop}, false, "MAIL FROM command: unexpected EOF"},
		"recipient dropped":   {map[string]string{"RCPT": drop}, false, "RCPT TO command: unexpected EOF"},
		"content dropped":     {map[string]string{".": drop}, false, "DATA writer: unexpected EOF"},
		"response not SMTP":   {map[string]string{".": canary}, false, "DATA writer: unexpected EOF"},
		"rejected, then gone": {map[string]string{"RCPT": "550" + echo, "RSET": drop}, true, "RCPT TO command: status 550"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := &smtpServer{offers: []string{"AUTH PLAIN", "ENHANCEDSTATUSCODES"}, answers: tt.answers}
			b := setup(t, server, "smtp", userinfo)
			err := b.sender.Send(t.Context(), example())
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, tt.permanent, isPermanent(err))
			require.NotContains(t, fmt.Sprintf("%v %+v", err, err), canary)
			require.NotContains(t, err.Error(), "ada@example.org")
		})
	}
}

func TestSMTPLoginNotOffered(t *testing.T) {
	t.Parallel()
	for _, offers := range [][]string{nil, {"AUTH GSSAPI"}} {
		b := setup(t, &smtpServer{offers: offers}, "smtp", userinfo)
		err := b.sender.Send(t.Context(), example())
		require.ErrorContains(t, err, "it does not offer a supported login")
		require.Empty(t, b.transcript().content)
	}
}

func TestSMTPHangs(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			server := &smtpServer{
				offers: []string{"STARTTLS", "AUTH PLAIN"}, answers: map[string]string{command: hang},
			}
			b := setup(t, server, "smtp", userinfo)
			b.sender.timeout = 200 * time.Millisecond
			err := b.sender.Send(t.Context(), example())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, ErrPermanent)
		})
	}
}

func TestSMTPDeliversThoughQuitHangs(t *testing.T) {
	t.Parallel()
	b := setup(t, &smtpServer{answers: map[string]string{"QUIT": hang}}, "smtp", "")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-b.hangs
		cancel()
	}()
	require.NoError(t, b.sender.Send(ctx, example()))
	require.Len(t, b.transcript().content, 1)
}

func TestSMTPNotReachable(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	sender, err := NewSMTP("smtp://" + userinfo + listener.Addr().String())
	require.NoError(t, err)
	err = sender.Send(t.Context(), example())
	require.ErrorContains(t, err, "connection refused")
	require.NotErrorIs(t, err, ErrPermanent)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, sender.Send(ended, example()), context.Canceled)
}

// A server may reject a next hop without SMTPUTF8 if the client asked for it.
func TestSMTPUTF8OnlyForItsAddresses(t *testing.T) {
	t.Parallel()
	for to, want := range map[string]bool{"ada@example.org": false, "zoë@example.org": true} {
		b := setup(t, &smtpServer{offers: []string{"SMTPUTF8"}}, "smtp", "")
		m := example()
		m.To = to
		require.NoError(t, b.sender.Send(t.Context(), m))
		require.Equal(t, want, strings.Contains(strings.Join(b.transcript().commands, "\n"), "SMTPUTF8"), to)
		require.Contains(t, b.transcript().commands, "RCPT TO:<"+to+">")
	}
}

func TestSMTPPrintsNothing(t *testing.T) {
	t.Parallel()
	sender, err := NewSMTP("smtps://" + userinfo + "mail.example.com")
	require.NoError(t, err)
	m := example()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, redact.Mark+redact.Mark, fmt.Sprintf(verb+verb, sender, m))
		require.NotContains(t, fmt.Sprintf(verb, struct{ hidden any }{*sender}), canary)
	}
}
