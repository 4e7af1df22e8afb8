package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// HTTP is the configuration of the listener.
type HTTP struct {
	ListenAddr     string  `env:"KONSTRUCT_LISTEN_ADDR"      envDefault:"127.0.0.1:8080"` // host:port
	TrustedProxies Proxies `env:"KONSTRUCT_TRUSTED_PROXIES"`
	Docs           bool    `env:"KONSTRUCT_DOCS"             envDefault:"false"` // serve /docs and /openapi.json
	// DrainDelay is nil when unset; see Drain.
	DrainDelay      *time.Duration `env:"KONSTRUCT_DRAIN_DELAY"`
	ShutdownTimeout time.Duration  `env:"KONSTRUCT_SHUTDOWN_TIMEOUT" envDefault:"15s"`
}

const (
	maxShutdown = 10 * time.Minute // of KONSTRUCT_DRAIN_DELAY and KONSTRUCT_SHUTDOWN_TIMEOUT each
	// defaultDrain allows for a probe every two seconds and a load balancer that acts on the second failure.
	defaultDrain = 5 * time.Second
)

// Drain returns how long the server keeps accepting requests during shutdown: KONSTRUCT_DRAIN_DELAY, or by default 5
// seconds, or 0 on loopback, where there is no load balancer.
func (h HTTP) Drain() time.Duration {
	switch {
	case h.DrainDelay != nil:
		return *h.DrainDelay
	case h.IsLoopback():
		return 0
	}
	return defaultDrain
}

// IsLoopback reports whether the server listens on loopback only.
func (h HTTP) IsLoopback() bool { return isLoopbackListener(h.ListenAddr) }

func (h HTTP) check(faults *Faults) {
	faults.require("KONSTRUCT_LISTEN_ADDR", isListenAddr(h.ListenAddr),
		"must be host:port, such as 127.0.0.1:8080, where host is an IP address or localhost")
	faults.require("KONSTRUCT_DRAIN_DELAY", h.Drain() >= 0 && h.Drain() <= maxShutdown,
		"must be at least 0s and at most 10m")
	faults.require("KONSTRUCT_SHUTDOWN_TIMEOUT",
		h.ShutdownTimeout > 0 && h.ShutdownTimeout <= maxShutdown || faults.has("KONSTRUCT_SHUTDOWN_TIMEOUT"),
		"must be more than 0s and at most 10m")
}

// isListenAddr accepts no host names except localhost, because what they resolve to can change. An empty host means all
// interfaces, port 0 any free port.
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

// Proxies are the networks of the proxies trusted to set X-Forwarded-For. None by default. It is a struct because the
// parser of the environment also fills slices of structs from variables such as 0_A.
type Proxies struct{ prefixes []netip.Prefix }

// Prefixes returns the networks. A single address is a network of one.
func (p Proxies) Prefixes() []netip.Prefix { return p.prefixes }

// UnmarshalText implements [encoding.TextUnmarshaler]: addresses and CIDR networks, separated by commas.
func (p *Proxies) UnmarshalText(text []byte) error {
	var prefixes []netip.Prefix
	for part := range strings.SplitSeq(string(text), ",") {
		prefix, err := parsePrefix(strings.TrimSpace(part))
		if err != nil {
			return problem("must be addresses or networks such as 10.0.0.0/8, separated by commas")
		}
		if prefix.Bits() == 0 {
			return problem("trusts every address; list the networks of the proxies")
		}
		prefixes = append(prefixes, prefix)
	}
	p.prefixes = prefixes

	return nil
}

// mappedBits is the length of the prefix of IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2).
const mappedBits = 96

// parsePrefix converts IPv4-mapped IPv6 networks to IPv4, so that both notations match.
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
