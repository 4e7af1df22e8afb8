package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longServe = `Serve the API until SIGINT or SIGTERM, connected to PostgreSQL as the role konstruct_app.

The server refuses to start if tenant isolation does not hold, for example if its role can bypass row-level security. It
repeats the check every minute and rejects tenant requests while the check fails.

On SIGINT or SIGTERM, /readyz returns 503 while requests are still served for KONSTRUCT_DRAIN_DELAY (default 5s, 0s on
loopback). The server then closes its listener and waits up to KONSTRUCT_SHUTDOWN_TIMEOUT (default 15s) for running
requests. A second signal exits immediately. SIGHUP is ignored; restart the server to change its configuration.`

func newServe() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve the API until SIGINT or SIGTERM", Long: longServe,
		RunE: runServe,
	}
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
		err = fmt.Errorf("KONSTRUCT_METRICS_ADDR: the address is in use; set another one, or off: %w", err)
	}
	if err != nil {
		return err
	}
	defer tele.stop()
	mailing, err := smtpMail(ctx, c.Mail, log)
	if err != nil {
		return err
	}
	s, err := openSystem(ctx, c, mailing, log, tele)
	if err != nil {
		return err
	}
	defer s.close()
	s.checkRedis(ctx, log)
	if err := s.checks.awaitDatabase(ctx, log); err != nil {
		return stopped(ctx, explainDatabase("DATABASE_URL", c.Database.URL, err))
	}
	if err := s.checks.requireCurrentSchema(ctx); err != nil {
		return stopped(ctx, err)
	}
	if err := s.refuseUnsafe(ctx); err != nil {
		return stopped(ctx, err)
	}
	if err := s.refusePublishedDemo(ctx, c.HTTP); err != nil {
		return err
	}
	err = s.server.Run(ctx)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("KONSTRUCT_LISTEN_ADDR: the address is in use: %w", err)
	}
	return err
}

// refuseUnsafe runs the monitor's first check and prints the report if isolation does not hold.
func (s *system) refuseUnsafe(ctx context.Context) error {
	report, err := s.monitor.Check(ctx)
	if err != nil {
		return fmt.Errorf("check tenant isolation: %w", err)
	}
	if err := report.Err(); err != nil {
		return errors.Join(exit{err, exitUnsafe}, report.WriteText(os.Stderr))
	}
	return nil
}

// demoMark is the comment on a database created by `konstruct dev`.
const demoMark = "konstruct dev: demo data, a demo admin"

var errPublishedDemo = errors.New(
	"the database was created by `konstruct dev` and contains demo data: " +
		"set KONSTRUCT_LISTEN_ADDR to a loopback address",
)

func (s *system) refusePublishedDemo(ctx context.Context, c config.HTTP) error {
	if c.IsLoopback() {
		return nil
	}
	var comment string
	err := pgtenant.QueryRow(ctx, s.driver,
		`select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database
		where datname = current_database()`).Scan(&comment)
	if err != nil {
		return fmt.Errorf("read the database comment: %w", err)
	}
	if comment == demoMark {
		return exit{errPublishedDemo, exitUsage}
	}
	return nil
}
