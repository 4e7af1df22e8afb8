package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/konstruct/konstruct/redact"
)

// sendTimeout bounds the sending of one message, from the connection to the server's last response.
const sendTimeout = 10 * time.Second

// SMTP is a [Sender] that opens a connection for each message. It prints as [redact.Mark].
type SMTP struct {
	redact.Redacted

	target

	timeout time.Duration
	roots   *x509.CertPool // nil: the system's
}

// NewSMTP returns a sender for smtp://user:password@host:587, which requires STARTTLS, or for
// smtps://user:password@host:465. User and password, and the port, can be omitted. On loopback STARTTLS is used if the
// server offers it, or never with ?tls=off. Returns [ErrURL].
func NewSMTP(rawURL string) (*SMTP, error) {
	t, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	return &SMTP{target: t, timeout: sendTimeout}, nil
}

// Send delivers the message to the server within 10 seconds. Returns [ErrPermanent], wrapped, if a field is invalid or
// the server rejects the recipient or the content with a 5xx status. All other errors are transient; a 5xx status for
// the login or the sender is one, because the operator can fix its cause.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := build(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel() // also closes the connection
	client, err := gomail.NewClient(s.host, s.options(ctx, isASCII(m.From+m.To))...)
	if err != nil {
		return fmt.Errorf("mail: set up the SMTP client: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // the error is about QUIT
		return nil
	}
	return failure(ctx, err)
}

// build returns the message with its headers. Its Message-ID does not name this machine.
func build(m Message) (*gomail.Msg, error) {
	from, to, err := m.envelope()
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.ToMailAddress(to)
	msg.Subject(strings.ReplaceAll(m.Subject, "=?", "= ?")) // never an encoded word of RFC 2047 that a name contains
	msg.SetDate()
	domain := from.Address[strings.LastIndex(from.Address, "@")+1:]
	if !isASCII(domain) {
		domain = "localhost"
	}
	msg.SetMessageIDWithValue(rand.Text() + "@" + domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic replies
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

func (s *SMTP) options(ctx context.Context, ascii bool) []gomail.Option {
	config := &tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
	dial := func(context.Context, string, string) (net.Conn, error) { return s.dial(ctx, config) }
	options := []gomail.Option{
		gomail.WithDialContextFunc(dial),
		gomail.WithTLSConfig(config), gomail.WithTLSPolicy(s.policy()),
		gomail.WithTimeout(2 * s.timeout), // of one step; all steps end with ctx
		// Each would need one more response, without which a delivered message would be sent again.
		gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	if ascii {
		// A server that was asked for SMTPUTF8 may reject a next hop without it.
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(s.logins()...))
	}
	return options
}

// dial connects until ctx is done, which the client observes only while it dials.
func (s *SMTP) dial(ctx context.Context, config *tls.Config) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if s.security != implicitTLS {
		return conn, nil
	}
	encrypted := tls.Client(conn, config)
	err = encrypted.HandshakeContext(ctx)
	return encrypted, err
}

// policy is about STARTTLS.
func (s *SMTP) policy() gomail.TLSPolicy {
	switch s.security {
	case startTLS:
		return gomail.TLSMandatory
	case optionalTLS:
		return gomail.TLSOpportunistic
	case implicitTLS, noTLS:
	}
	return gomail.NoTLS
}

// logins lists the mechanisms in the order of preference. Only on loopback a password may be sent in plain text.
func (s *SMTP) logins() []gomail.SMTPAuthType {
	if s.security == optionalTLS || s.security == noTLS {
		return []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc}
	}
	return []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
