package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/migrate"
)

const longDev = `Run a complete system on this machine: PostgreSQL, Redis, the schema, the API, and demo data (an admin
and two tenants with agents and a Slack connection).

It starts its own servers, ignores DATABASE_URL, MIGRATION_DATABASE_URL and REDIS_URL, and listens on loopback only
(default 127.0.0.1:8080, or the next free port). Ctrl-C stops everything; the data are kept for the next run. Several
"konstruct dev" on the same data share the database, which stops with the last of them.

Mail is printed and shown at /dev/mail, but not sent. Its links lead to KONSTRUCT_PORTAL_URL (default
http://localhost:3000).`

// devPortal is where a portal in development usually runs.
const devPortal = "http://localhost:3000"

const (
	portsTried = 20 // from the configured one
	maxPort    = 1<<16 - 1
)

func newDev() *cobra.Command {
	cmd := &cobra.Command{Use: "dev", Short: "Run a complete system with demo data", Long: longDev}
	folder := cmd.Flags().String("data", "", "data folder (default: dev in the folder for local data)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config.IgnoreLibpq(true)
		return runDev(cmd, *folder)
	}
	return cmd
}

func runDev(cmd *cobra.Command, folder string) error {
	ctx := cmd.Context()
	env, err := environment()
	if err != nil {
		return err
	}
	c, err := config.LoadDev(env)
	if err != nil {
		return err
	}
	log := newLogger(c.Log)
	d, err := startDev(ctx, folder, log)
	if err != nil {
		return stopped(ctx, err)
	}
	err = d.serve(ctx, env, log, cmd.OutOrStdout())
	return errors.Join(err, d.share.Leave(ctx))
}

// devSystem holds the state and servers of a development system.
type devSystem struct {
	folder   string
	state    devState
	share    *local.Share
	postgres *local.Postgres
	redis    *local.Redis
}

func startDev(ctx context.Context, folder string, log *slog.Logger) (*devSystem, error) {
	folder, err := devFolder(folder)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &devSystem{folder: folder}
	guard := []string{self, "local", "guard", folder}
	d.share, err = local.NewShare(ctx, folder, guard, func() error { return d.start(ctx, self, log) })
	return d, suggestData(err)
}

// suggestData adds the --data flag to an error about the data folder.
func suggestData(err error) error {
	if errors.Is(err, local.ErrFolder) || errors.Is(err, local.ErrForeignFolder) ||
		errors.Is(err, local.ErrUnreachable) ||
		errors.As(err, new(*local.VersionError)) {
		return fmt.Errorf("%w\nUse another folder: %s dev --data FOLDER", err, programName())
	}
	return err
}

func devFolder(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	base, err := local.DefaultFolder()
	if err != nil {
		return "", suggestData(err)
	}
	return filepath.Join(base, "dev"), nil
}

// start starts the servers, or reuses running ones, and applies the migrations.
func (d *devSystem) start(ctx context.Context, self string, log *slog.Logger) (err error) {
	if d.state, err = openDevState(d.folder); err != nil {
		return err
	}
	up, err := local.StartDetached(ctx, local.DetachedOptions{
		Folder:    d.folder,
		Postgres:  local.PostgresOptions{Password: d.state.SuperuserPassword, Logger: log},
		Redis:     local.RedisOptions{Logger: log},
		Miniredis: []string{self, "local", "redis"},
	})
	if err != nil {
		return err
	}
	d.postgres, d.redis = up.Postgres, up.Redis
	return d.migrate(ctx, log)
}

func (d *devSystem) migrate(ctx context.Context, log *slog.Logger) error {
	passwords := migrate.Passwords{Owner: d.state.OwnerPassword, App: d.state.AppPassword}
	if err := prepareDatabase(ctx, d.postgres, passwords); err != nil {
		return err
	}
	if err := d.postgres.Comment(ctx, databaseName, demoMark); err != nil {
		return err
	}
	_, err := migrate.Up(ctx, migrate.Options{
		URL:      d.postgres.URL(migrate.OwnerRole, d.state.OwnerPassword, databaseName),
		Operator: operator(), Logger: log,
	})
	return err
}

// serve runs the server of `konstruct serve` with the URLs and keys of this system.
func (d *devSystem) serve(ctx context.Context, env config.Env, log *slog.Logger, out io.Writer) error {
	env = maps.Clone(env)
	delete(env, "MIGRATION_DATABASE_URL")
	maps.Copy(env, config.Env{
		"DATABASE_URL":          d.postgres.URL(migrate.AppRole, d.state.AppPassword, databaseName),
		"REDIS_URL":             d.redis.URL(),
		"KONSTRUCT_SECRETS_KEY": d.state.secretsKey(),
		"SLACK_SIGNING_SECRET":  d.state.SlackSecret,
		"KONSTRUCT_DOCS":        "true",
		"KONSTRUCT_PORTAL_URL":  cmp.Or(env["KONSTRUCT_PORTAL_URL"], devPortal),
	})
	for _, variable := range []string{"KONSTRUCT_SMTP_URL", "KONSTRUCT_MAIL_FROM"} {
		delete(env, variable) // messages are printed
	}
	c, err := config.LoadServe(env)
	if err != nil {
		return err
	}
	announce(ctx, c, log)
	tele, err := startTelemetry(ctx, c, log, listenNear)
	if err != nil {
		return err
	}
	defer tele.stop()
	s, err := openSystem(ctx, c, boxMail(c.Mail, out), log, tele)
	if err != nil {
		return err
	}
	defer s.close()
	if err := seed(ctx, s.client, s.box, d.state); err != nil {
		return stopped(ctx, fmt.Errorf("create demo data: %w", err))
	}
	if err := s.refuseUnsafe(ctx); err != nil {
		return stopped(ctx, err)
	}
	listener, err := listenNear(ctx, c.HTTP.ListenAddr, log)
	if err != nil {
		return err
	}
	if err := d.welcome(ctx, s.client, listener.Addr().String(), out); err != nil {
		return errors.Join(err, listener.Close())
	}
	return s.server.Serve(ctx, listener)
}

// listenNear listens on the address, or on the next free port after it.
func listenNear(ctx context.Context, address string, log *slog.Logger) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	wanted, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	for next := wanted; ; next++ {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(next)))
		if err == nil && next != wanted {
			log.WarnContext(ctx, "the port is in use: listening on the next free one",
				"taken", address, "address", listener.Addr().String())
		}
		if !errors.Is(err, syscall.EADDRINUSE) || wanted == 0 || next == min(wanted+portsTried, maxPort) {
			return listener, err
		}
	}
}
