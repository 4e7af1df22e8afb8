package mail

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/konstruct/konstruct/redact"
)

// ErrURL is returned by [NewSMTP] for an invalid URL. The message contains nothing of it.
var ErrURL = errors.New("mail: invalid SMTP URL")

// security is how a connection is encrypted.
type security int

const (
	startTLS security = iota // required
	implicitTLS
	optionalTLS // STARTTLS if the server offers it, on loopback
	noTLS       // on loopback
)

// target is a parsed SMTP URL.
type target struct {
	host, port string
	security   security
	user       string // "" without login
	password   redact.Text
}

func parseURL(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, ErrURL // err quotes the URL
	}
	t := target{host: u.Hostname(), port: u.Port()}
	if t.host == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return target{}, fmt.Errorf("%w: it must be smtp://user:password@host:port or smtps://…", ErrURL)
	}
	if t.security, err = securityOf(u); err != nil {
		return target{}, err
	}
	if t.port == "" {
		t.port = map[bool]string{true: "465", false: "587"}[t.security == implicitTLS]
	}
	if u.User != nil {
		password, _ := u.User.Password()
		t.user, t.password = u.User.Username(), redact.New(password)
		if t.user == "" || password == "" {
			return target{}, fmt.Errorf("%w: it must have both user and password, or none", ErrURL)
		}
	}
	return t, nil
}

func securityOf(u *url.URL) (security, error) {
	loopback := isLoopback(u.Hostname())
	switch {
	case u.RawQuery != "" && (u.RawQuery != "tls=off" || u.Scheme != "smtp" || !loopback):
		return 0, fmt.Errorf("%w: its only parameter is tls=off, for smtp on loopback", ErrURL)
	case u.Scheme == "smtps":
		return implicitTLS, nil
	case u.Scheme != "smtp":
		return 0, fmt.Errorf("%w: it must begin with smtp:// or smtps://", ErrURL)
	case u.RawQuery != "":
		return noTLS, nil
	case loopback:
		return optionalTLS, nil
	}
	return startTLS, nil
}

// isLoopback does not resolve names other than localhost, because what they resolve to can change.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
