package server

import (
	"fmt"
	"net/netip"

	"github.com/gin-gonic/gin"
)

// clientAddr is the network address that a request comes from: what the trusted proxies say, or the peer's. It is the
// zero address where there is none, as on a unix socket.
func clientAddr(c *gin.Context) netip.Addr {
	addr, err := netip.ParseAddr(c.ClientIP())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// limited returns the client's address for limits by address, and the zero address for one that stands for many people:
// a trusted proxy (a portal that logs its people in from its own server), or this machine.
func (s *Server) limited(client netip.Addr) netip.Addr {
	if client.IsLoopback() {
		return netip.Addr{}
	}
	for _, proxy := range s.proxies {
		if proxy.Contains(client) {
			return netip.Addr{}
		}
	}
	return client
}

// mappedBits is how long the prefix of IPv4-mapped IPv6 addresses is.
const mappedBits = 96

// parseNetworks reads addresses and CIDR networks.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			networks = append(networks, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%w: TrustedProxies must be addresses or CIDR networks", ErrOptions)
		}
		// Clients' addresses are unmapped, and an IPv4 address is in no IPv6 network.
		if addr, bits := network.Addr(), network.Bits()-mappedBits; addr.Is4In6() && bits >= 0 {
			network = netip.PrefixFrom(addr.Unmap(), bits)
		}
		networks = append(networks, network)
	}
	return networks, nil
}
