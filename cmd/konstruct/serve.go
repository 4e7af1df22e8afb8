package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longServe = `Serve the API as the role konstruct_app until SIGINT or SIGTERM.

It does not start if tenant isolation does not hold, for example with a role that can bypass row-level security. It
checks again each minute, and refuses tenant traffic while something is wrong.

When it is told to stop, /readyz answers 503 first and requests are served for another KONSTRUCT_DRAIN_DELAY; then no
connection is accepted, and running requests have KONSTRUCT_SHUTDOWN_TIMEOUT to finish. A second signal ends the process
at once. SIGHUP is ignored: configuration is read at start only.`

func newServe() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Serve the API", Long: longServe, Args: noArgs, RunE: runServe}
}

func runServe(cmd *cobra.Command, _ []string) error {
	c, err := load(config.LoadServe)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGHUP)
	ctx, log := cmd.Context(), newLogger(c.Log)
	announce(ctx, c, log)
	tuneMemory(ctx, log, memlimit.FromCgroup)
	tele, err := startTelemetry(ctx, c, log, listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("KONSTRUCT_METRICS_ADDR: another program listens there; name another port, or off: %w", err)
	}
	if err != nil {
		return err
	}
	defer tele.stop()
	s, err := openSystem(ctx, c, log, tele)
	if err != nil {
		return err
	}
	defer s.close()
	s.lookAtRedis(ctx, log)
	if err := s.checks.awaitDatabase(ctx, log); err != nil {
		return stopped(ctx, explainDatabase("DATABASE_URL", c.Database.URL, err))
	}
	if err := s.checks.requireCurrentSchema(ctx); err != nil {
		return stopped(ctx, err)
	}
	if err := s.refuseUnsafe(ctx); err != nil {
		return stopped(ctx, err)
	}
	if err := s.refusePublishedDemo(ctx, c.HTTP.ListenAddr); err != nil {
		return err
	}
	err = s.server.Run(ctx)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("KONSTRUCT_LISTEN_ADDR: another program listens there: %w", err)
	}
	return err
}

// refuseUnsafe runs the monitor's first check, which logs its findings, and prints the report if isolation does not hold.
func (s *system) refuseUnsafe(ctx context.Context) error {
	report, err := s.monitor.Check(ctx)
	if err != nil {
		return fmt.Errorf("tenant isolation could not be checked: %w", err)
	}
	if err := report.Err(); err != nil {
		return errors.Join(exit{err, exitUnsafe}, report.WriteText(os.Stderr))
	}
	return nil
}

// demoMark is the comment on a database that `konstruct dev` has made.
const demoMark = "konstruct dev: demo data, a demo admin"

var errPublishedDemo = errors.New(
	"the database was made by `konstruct dev`: its data and its admin are a demonstration, so it is served on loopback only")

func (s *system) refusePublishedDemo(ctx context.Context, listen string) error {
	if isLoopback(listen) {
		return nil
	}
	var comment string
	err := pgtenant.QueryRow(ctx, s.driver,
		"select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = current_database()", nil, &comment)
	if err != nil {
		return fmt.Errorf("reading the database's comment: %w", err)
	}
	if comment == demoMark {
		return exit{errPublishedDemo, exitUsage}
	}
	return nil
}

func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
