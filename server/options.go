package server

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// ErrOptions means that a server can't be made of its options. The message names them, never their values.
var ErrOptions = errors.New("server: options")

// Options is what a server is made of. It prints nothing of itself.
type Options struct {
	// Client and Driver are the database, as konstruct_app: Client must run on Driver.
	Client *ent.Client
	Driver *pgtenant.Driver
	// Key binds cursors and hides the addresses of login attempts: 32 bytes or more, the same on every instance.
	Key []byte
	// Isolation says whether tenants are isolated. While its Healthy fails, no tenant is served. Serve runs it.
	Isolation *doctor.Monitor
	Logger    *slog.Logger

	// What follows has a default.

	// Box seals the secrets of channel connections. Nil: setting one is refused, by the name of the missing key.
	Box *secrets.Box
	// SlackSecret verifies Slack's events. Empty: there is no route for them.
	SlackSecret string

	// Resolver finds a workspace's tenant: package resolver's.
	Resolver channel.Resolver
	// Deliver takes a message on: channel.LogIDs.
	Deliver channel.Deliver
	// Ready are the checks of /readyz besides isolation.
	Ready []Check
	// Hasher hashes passwords: argon2id with OWASP's parameters. Hashing bounds it in any case.
	Hasher  account.Hasher
	Hashing account.SemaphoreOptions
	// LoginLimits bound failed logins by e-mail address and by network address.
	LoginLimits account.Limits
	// TrustedProxies are the networks of proxies trusted to set X-Forwarded-For. None by default. IPv4-mapped IPv6 networks
	// match no client; write them as IPv4.
	TrustedProxies []netip.Prefix
	// Docs serves /openapi.json and /docs.
	Docs bool
	// Addr is where Run listens: 127.0.0.1:8080.
	Addr string
	// DrainDelay is how long Run goes on accepting connections after it was told to stop, with /readyz at 503, so that load
	// balancers notice first: 0.
	DrainDelay time.Duration
	// ShutdownTimeout is how long Run then waits for requests that are still running: 15 s.
	ShutdownTimeout time.Duration
	// Meters records metrics, and Tracers begins a trace for each request. Nil: none.
	Meters  metric.MeterProvider
	Tracers trace.TracerProvider
	// Clock is time.Now.
	Clock func() time.Time
}

const (
	defaultAddr     = "127.0.0.1:8080"
	defaultShutdown = 15 * time.Second
	minKey          = 32
)

func (o Options) withDefaults() (Options, error) {
	for _, need := range []struct {
		given bool
		name  string
	}{
		{o.Client != nil, "Client"},
		{o.Driver != nil, "Driver"},
		{o.Isolation != nil, "Isolation"},
		{o.Logger != nil, "Logger"},
		{len(o.Key) >= minKey, "Key (32 bytes or more)"},
	} {
		if !need.given {
			return o, fmt.Errorf("%w: %s is required", ErrOptions, need.name)
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

// subkey derives a key for one purpose, so that none is used for two.
func (o Options) subkey(purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, o.Key, nil, "konstruct "+purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// Format implements [fmt.Formatter]: options hold secrets.
func (Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "server.Options([redacted])") }

// LogValue implements [slog.LogValuer] as Format does.
func (Options) LogValue() slog.Value { return slog.StringValue("server.Options([redacted])") }
