package config

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/konstruct/konstruct/redact"
)

// A URL may contain credentials. It prints as scheme, host and path. The zero value is unset.
type URL struct {
	shown

	value redact.Value[*url.URL]
}

// parsed returns the zero URL when unset.
func (u URL) parsed() *url.URL { return cmp.Or(u.value.Reveal(), &url.URL{}) }

// Reveal returns the whole URL with its credentials, "" when unset.
func (u URL) Reveal() string { return u.parsed().String() }

// IsSet reports whether there is a URL.
func (u URL) IsSet() bool { return u.Reveal() != "" }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *URL) UnmarshalText(text []byte) error {
	if misplaced(string(text)) {
		return problem(misplacedProblem)
	}
	parsed, err := url.Parse(string(text))
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" {
		return problem("is not a URL (percent-encode special characters of the password)")
	}
	u.value = redact.New(parsed)
	u.shown = shown(parsed.Scheme + "://" + parsed.Host + parsed.EscapedPath())

	return nil
}

const misplacedProblem = "has an unescaped @, /, ? or #; percent-encode special characters of the password"

// misplaced reports whether a URL has an @ after its authority, or a fragment. Both indicate a password with an
// unescaped /, ? or #, part of which would be parsed as host, port or path and printed.
func misplaced(raw string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	end := strings.IndexAny(rest, "/?#")

	return end >= 0 && strings.ContainsAny(rest[end:], "@#")
}

func (u URL) password() string {
	password, _ := u.parsed().User.Password()
	return password
}

// isLoopback reports whether every host of the URL is this machine. Redis URLs can have more hosts in addr parameters.
func (u URL) isLoopback() bool {
	if !u.IsSet() {
		return true
	}
	elsewhere := func(address string) bool {
		if host, _, err := net.SplitHostPort(address); err == nil {
			address = host
		}
		return !isLoopback(address)
	}
	return (u.parsed().Scheme == "unix" || isLoopback(u.parsed().Hostname())) &&
		!slices.ContainsFunc(u.parsed().Query()["addr"], elsewhere)
}

// checkURL rejects other schemes than those given, an empty host, and an invalid port.
func (f *Faults) checkURL(variable string, u URL, schemes ...string) {
	parsed := u.parsed()
	switch {
	case !u.IsSet():
	case !slices.Contains(schemes, parsed.Scheme):
		f.add(variable, "must begin with "+strings.Join(schemes, ":// or ")+"://")
	case parsed.Scheme != "unix":
		f.require(variable, parsed.Hostname() != "", "has no host")
		f.require(variable, parsed.Port() == "" || isPort(parsed.Port()), "has a port outside 1-65535")
	}
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)

	return err == nil && port > 0
}

// isLoopback reports whether a host is reachable from this machine only. Folders of unix sockets count; names other
// than localhost do not, because what they resolve to can change.
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	addr, err := netip.ParseAddr(host)

	return err == nil && addr.Unmap().IsLoopback()
}

// isLoopbackListener is isLoopback for host:port. An empty host listens on all interfaces.
func isLoopbackListener(address string) bool {
	host, _, err := net.SplitHostPort(address)

	return err == nil && isLoopback(host)
}
