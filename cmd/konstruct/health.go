package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
)

const longHealth = `Request /readyz from the server on this machine, at the port of KONSTRUCT_LISTEN_ADDR, and print the
answer.

Exits with 0 if the server is ready or degraded, otherwise with 1. The container image uses it as its health check.`

// healthTimeout exceeds the two seconds of /readyz.
const healthTimeout = 4 * time.Second

func newHealth() *cobra.Command {
	return &cobra.Command{
		Use: "health", Short: "Check that the local server is ready", Long: longHealth,
		RunE: runHealth,
	}
}

func runHealth(cmd *cobra.Command, _ []string) error {
	c, err := load(config.LoadHealth)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), healthTimeout)
	defer cancel()
	ready := url.URL{Scheme: "http", Host: localAddr(c.HTTP.ListenAddr), Path: "/readyz"} // escapes an IPv6 zone
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ready.String(), nil)
	if err != nil {
		return err
	}
	// No proxy, because the server is on this machine.
	res, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	if _, err := io.Copy(cmd.OutOrStdout(), io.LimitReader(res.Body, 64<<10)); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz returned %s", res.Status)
	}
	return nil
}

// localAddr returns the address to connect to: loopback for a listener on every interface.
func localAddr(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && addr.IsUnspecified() && addr.Is4():
		host = "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
