package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// HTTP is how the server listens.
type HTTP struct {
	ListenAddr     string  `env:"KONSTRUCT_LISTEN_ADDR"      envDefault:"127.0.0.1:8080"` // host:port
	TrustedProxies Proxies `env:"KONSTRUCT_TRUSTED_PROXIES"`
	Docs           bool    `env:"KONSTRUCT_DOCS"             envDefault:"false"` // Serve /docs and /openapi.json.
	// DrainDelay is nil when it is not set; Drain knows the default.
	DrainDelay      *time.Duration `env:"KONSTRUCT_DRAIN_DELAY"`
	ShutdownTimeout time.Duration  `env:"KONSTRUCT_SHUTDOWN_TIMEOUT" envDefault:"15s"`
}

const (
	// longestShutdown bounds KONSTRUCT_DRAIN_DELAY and KONSTRUCT_SHUTDOWN_TIMEOUT.
	longestShutdown = 10 * time.Minute
	// defaultDrain covers a readiness probe that runs every two seconds and a load balancer that acts on the second failure.
	defaultDrain = 5 * time.Second
)

// Drain returns how long a stopping server still accepts connections: KONSTRUCT_DRAIN_DELAY, and where that is not set
// 5 seconds, or none for a listener on loopback, which has no load balancer in front of it.
func (h HTTP) Drain() time.Duration {
	switch {
	case h.DrainDelay != nil:
		return *h.DrainDelay
	case isLoopbackListener(h.ListenAddr):
		return 0
	}
	return defaultDrain
}

func (h HTTP) check(faults *Faults) {
	faults.require("KONSTRUCT_LISTEN_ADDR", isListenAddr(h.ListenAddr),
		"must be host:port, such as 127.0.0.1:8080, with an address or localhost as host")
	if h.DrainDelay != nil && !faults.has("KONSTRUCT_DRAIN_DELAY") {
		faults.require("KONSTRUCT_DRAIN_DELAY", *h.DrainDelay >= 0 && *h.DrainDelay <= longestShutdown,
			"must be at least 0s and at most 10m")
	}
	if !faults.has("KONSTRUCT_SHUTDOWN_TIMEOUT") {
		faults.require("KONSTRUCT_SHUTDOWN_TIMEOUT", h.ShutdownTimeout > 0 && h.ShutdownTimeout <= longestShutdown,
			"must be more than 0s and at most 10m")
	}
}

// isListenAddr wants an address, not a name: what a name resolves to can change under a running firewall rule.
// An empty host means every interface, and port 0 any free port.
func isListenAddr(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	if host == "" || host == "localhost" {
		return true
	}
	_, err = netip.ParseAddr(host)

	return err == nil
}

// Proxies are the networks whose X-Forwarded-For is believed. Empty: nobody's.
type Proxies struct {
	prefixes []netip.Prefix
}

// Prefixes answers the networks; a single address is a network of its own.
func (p Proxies) Prefixes() []netip.Prefix { return p.prefixes }

// Strings answers the networks as CIDR text, the form that gin takes.
func (p Proxies) Strings() []string {
	texts := make([]string, 0, len(p.prefixes))
	for _, prefix := range p.prefixes {
		texts = append(texts, prefix.String())
	}

	return texts
}

// String lists the networks with commas between them.
func (p Proxies) String() string { return strings.Join(p.Strings(), ",") }

// MarshalText implements [encoding.TextMarshaler].
func (p Proxies) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]: addresses and CIDR networks, separated by commas.
func (p *Proxies) UnmarshalText(text []byte) error {
	var prefixes []netip.Prefix
	for part := range strings.SplitSeq(string(text), ",") {
		prefix, err := parsePrefix(strings.TrimSpace(part))
		if err != nil {
			return problem("must be addresses or networks such as 10.0.0.0/8, with commas between them")
		}
		if prefix.Bits() == 0 {
			return problem("trusts the whole internet: name the proxies' own networks")
		}
		prefixes = append(prefixes, prefix)
	}
	p.prefixes = prefixes

	return nil
}

// mappedBits is the length of the prefix that IPv4-mapped IPv6 addresses share.
const mappedBits = 96

// parsePrefix writes IPv4-mapped IPv6 networks as IPv4: an address is in the network whichever way it is written.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if bits := prefix.Bits() - mappedBits; err == nil && prefix.Addr().Is4In6() && bits >= 0 {
		return netip.PrefixFrom(prefix.Addr().Unmap(), bits), nil
	}

	return prefix, err
}
