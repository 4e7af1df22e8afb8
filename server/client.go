package server

import "net/netip"

// limited returns the request's client for limits by address. It is the zero address for one that stands for many people,
// which is a trusted proxy (a portal that logs its people in from its own server) or this machine, and for none.
func (s *Server) limited(r *request) netip.Addr {
	client, err := netip.ParseAddr(r.client)
	if err != nil {
		return netip.Addr{}
	}
	client = client.Unmap()
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
