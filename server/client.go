package server

import (
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
