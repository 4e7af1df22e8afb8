package server

import "net/netip"

// limitedClient returns the client address for rate limits, or zero for an address shared by many users: a trusted
// proxy, such as a portal's server, or loopback.
func (s *Server) limitedClient(r *request) netip.Addr {
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
