package server

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/redact"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// ErrOptions is returned when an option is missing or invalid. The message names the option but not its value.
var ErrOptions = errors.New("server: options")

// Options configures a [Server]. It prints as [redact.Mark].
type Options struct {
	redact.Redacted

	// Driver accesses the database as konstruct_app.
	Driver *pgtenant.Driver
	// Key signs cursors, and hashes the addresses of login attempts and the bodies of repeatable requests: at least
	// 32 bytes, the same on every instance.
	Key []byte
	// Isolation checks tenant isolation. No tenant is served while its Healthy fails. Serve runs it.
	Isolation *doctor.Monitor
	Logger    *slog.Logger

	// All other options have defaults.

	// Box seals the secrets of channel connections. Without it, requests that set secrets are rejected.
	Box *secrets.Box
	// SlackSecret verifies Slack's events. Without it, there is no route for them.
	SlackSecret string

	// Mail sends messages to users.
	Mail MailOptions
	// Version is returned by /v1/meta.
	Version string

	// Deliver accepts a message. The default is channel.LogIDs.
	Deliver channel.Deliver
	// Ready are additional checks of /readyz.
	Ready []Check
	// Hasher hashes passwords, bounded by Hashing. The default is argon2id with OWASP's parameters.
	Hasher  account.Hasher
	Hashing account.SemaphoreOptions
	// LoginLimits limit failed logins by e-mail address and by network address.
	LoginLimits account.Limits
	// TrustedProxies are the networks of proxies trusted to set X-Forwarded-For. None by default. IPv4-mapped IPv6
	// networks match no client; write them as IPv4.
	TrustedProxies []netip.Prefix
	// Docs serves /openapi.json and /docs.
	Docs bool
	// Addr is the listen address of Run. The default is 127.0.0.1:8080.
	Addr string
	// DrainDelay is how long a shutdown keeps accepting connections while /readyz returns 503, so that load balancers
	// stop sending requests. The default is 0.
	DrainDelay time.Duration
	// ShutdownTimeout is how long a shutdown then waits for running requests. The default is 15 s.
	ShutdownTimeout time.Duration
	// Meters records metrics, and Tracers starts a trace for each request. By default there are none.
	Meters  metric.MeterProvider
	Tracers trace.TracerProvider
	// Clock defaults to time.Now.
	Clock func() time.Time
}

// MailOptions configures the mail to users.
type MailOptions struct {
	// Sender sends messages. Without it links and notices are not queued, and the API returns the links of invitations.
	Sender mail.Sender
	// From is the sender's address: ada@example.com, or Ada <ada@example.com>.
	From string
	// Portal is the URL to which links lead. Without it they are paths on the portal.
	Portal *url.URL
	// Box is served at /dev/mail to clients on this machine, with the tokens in its messages. For development only.
	Box *mail.Box
}

const (
	defaultAddr     = "127.0.0.1:8080"
	defaultShutdown = 15 * time.Second
	minKey          = 32
)

func (o Options) withDefaults() (Options, error) {
	for _, required := range []struct {
		given bool
		name  string
	}{
		{o.Driver != nil, "Driver"},
		{o.Isolation != nil, "Isolation"},
		{o.Logger != nil, "Logger"},
		{len(o.Key) >= minKey, "Key (at least 32 bytes)"},
		{o.Mail.Sender == nil || o.Mail.From != "", "Mail.From (with Mail.Sender)"},
	} {
		if !required.given {
			return o, fmt.Errorf("%w: %s is required", ErrOptions, required.name)
		}
	}
	if o.Hasher == nil {
		o.Hasher = account.Argon2{Params: account.OWASP()}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Addr == "" {
		o.Addr = defaultAddr
	}
	if o.ShutdownTimeout <= 0 {
		o.ShutdownTimeout = defaultShutdown
	}
	return o, nil
}

// subkey derives a key for one purpose.
func (o Options) subkey(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, o.Key, nil, "konstruct "+purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}
