package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/server/account"
)

const longDev = `A complete system on this machine, in one command: PostgreSQL, Redis, the schema, a demo admin, two demo tenants with
agents and a Slack connection, and the server. It listens on loopback only, on servers and data of its own: whatever
the *_URL variables name is left alone. Ctrl-C stops all of it; the next start finds its data again.`

// stopPatience is how long the servers may take to stop.
const stopPatience = 20 * time.Second

func newDev() *cobra.Command {
	cmd := &cobra.Command{Use: "dev", Short: "Run a complete system with demo data", Long: longDev, Args: noArgs}
	folder := cmd.Flags().String("data", "", "the folder of its data (default: dev below the folder for local data)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runDev(cmd, *folder) }
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
		return err
	}
	err = d.serve(ctx, env, log, cmd.OutOrStdout())
	return errors.Join(err, d.stop(ctx))
}

// devSystem is what a development system stands on.
type devSystem struct {
	folder   string
	state    devState
	postgres *local.Postgres
	redis    *local.Redis
}

func startDev(ctx context.Context, folder string, log *slog.Logger) (_ *devSystem, err error) {
	if folder == "" {
		base, err := local.DefaultFolder()
		if err != nil {
			return nil, err
		}
		folder = filepath.Join(base, "dev")
	}
	d := &devSystem{folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stop(ctx))
		}
	}()
	if d.state, err = openDevState(folder); err != nil {
		return nil, err
	}
	d.postgres, err = local.StartPostgres(ctx, local.PostgresOptions{Folder: filepath.Join(folder, "postgres"), Logger: log})
	if err != nil {
		return nil, err
	}
	d.redis, err = local.StartRedis(ctx, local.RedisOptions{Folder: filepath.Join(folder, "redis"), Logger: log})
	if err != nil {
		return nil, err
	}
	err = d.migrate(ctx, log)
	return d, err
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

// serve runs the server that `konstruct serve` would run, with this system's own URLs and keys.
func (d *devSystem) serve(ctx context.Context, env config.Env, log *slog.Logger, out io.Writer) error {
	env = maps.Clone(env)
	delete(env, "MIGRATION_DATABASE_URL")
	maps.Copy(env, config.Env{
		"DATABASE_URL":          d.postgres.URL(migrate.AppRole, d.state.AppPassword, databaseName),
		"REDIS_URL":             d.redis.URL(),
		"KONSTRUCT_SECRETS_KEY": d.state.secretsKey(),
		"SLACK_SIGNING_SECRET":  d.state.SlackSecret,
		"KONSTRUCT_DOCS":        "true",
	})
	c, err := config.LoadServe(env)
	if err != nil {
		return err
	}
	s, err := openSystem(ctx, c, log)
	if err != nil {
		return err
	}
	defer s.close()
	users := account.NewUsers(s.client, account.Argon2{Params: account.OWASP()}, time.Now)
	if err := seed(ctx, s.client, users, s.box, d.state); err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	if err := s.refuseUnsafe(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.HTTP.ListenAddr)
	if err != nil {
		return fmt.Errorf("%w: set KONSTRUCT_LISTEN_ADDR to another port, 127.0.0.1:0 for a free one", err)
	}
	if err := d.welcome(ctx, s.client, listener.Addr().String(), out); err != nil {
		return errors.Join(err, listener.Close())
	}
	return s.server.Serve(ctx, listener)
}

func (d *devSystem) stop(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	if d.redis != nil {
		err = d.redis.Stop(ctx)
	}
	if d.postgres != nil {
		err = errors.Join(err, d.postgres.Stop(ctx))
	}
	return err
}
