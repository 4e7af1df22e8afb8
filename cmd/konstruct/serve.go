package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longServe = `Serves the API as the role konstruct_app, until it is told to stop (SIGINT, SIGTERM).

It does not start where tenant isolation does not hold: with a role that could bypass row-level security, for one.
It asks again each minute, and refuses tenant traffic while something is wrong.`

func newServe() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "Serve the API", Long: longServe, Args: noArgs, RunE: runServe}
}

func runServe(cmd *cobra.Command, _ []string) error {
	c, err := load(config.LoadServe)
	if err != nil {
		return err
	}
	ctx, log := cmd.Context(), newLogger(c.Log)
	announce(ctx, c, log)
	s, err := openSystem(ctx, c, log)
	if err != nil {
		return err
	}
	defer s.close()
	s.lookAtRedis(ctx, log)
	if err := requireSchema(ctx, c.Database.URL, s.driver, log); err != nil {
		return stopped(ctx, err)
	}
	if err := s.refuseUnsafe(ctx, log); err != nil {
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

// refuseUnsafe prints what the doctor has to say where isolation does not hold: a person is about to read it.
func (s *system) refuseUnsafe(ctx context.Context, log *slog.Logger) error {
	report, err := s.examine(ctx)
	if err != nil {
		return err
	}
	if err := report.Err(); err != nil {
		return errors.Join(exit{err, exitUnsafe}, report.WriteText(os.Stderr))
	}
	for _, f := range report.Findings {
		if f.Level == doctor.LevelWarning {
			log.WarnContext(ctx, "doctor", "code", f.Code, "object", f.Object, "risk", f.Risk)
		}
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
