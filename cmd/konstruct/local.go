package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/migrate"
)

// databaseName is the database that this program creates.
const databaseName = "konstruct"

const longLocal = `Run PostgreSQL and Redis in the background, on machines without Docker.

The servers listen on 127.0.0.1, with the ports and passwords of .env, until "local down". "local up" also creates the
database konstruct and its roles; run "migrate up" next. The data belong to the COMPOSE_PROJECT_NAME in .env, so that
two checkouts do not share a database.`

func newLocal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run PostgreSQL and Redis in the background, without Docker",
		Long:  longLocal,
	}
	return group(cmd,
		&cobra.Command{
			Use: "up [postgres] [redis]", Short: "Start both servers, or only the named ones",
			Args: cobra.ArbitraryArgs, RunE: localUp,
		},
		&cobra.Command{Use: "down", Short: "Stop the servers and keep their data", RunE: localDown},
		&cobra.Command{Use: "redis", Hidden: true, RunE: localRedis},
		&cobra.Command{Use: "guard FOLDER", Hidden: true, Args: exactArgs(1), RunE: localGuard},
	)
}

func localUp(cmd *cobra.Command, args []string) error {
	config.IgnoreLibpq(true)
	ctx := cmd.Context()
	for _, name := range args {
		if name != local.PostgresService && name != local.RedisService {
			return exit{fmt.Errorf("unknown service %q: only %s and %s run without Docker", name,
				local.PostgresService, local.RedisService), exitUsage}
		}
	}
	c, err := load(config.LoadLocal)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	folder, err := projectFolder(c.ProjectName)
	if err != nil {
		return err
	}
	up, err := local.StartDetached(ctx, local.DetachedOptions{
		Folder:    folder,
		Only:      args,
		Postgres:  local.PostgresOptions{Port: int(c.PostgresPort), Password: c.SuperuserPassword.Reveal()},
		Redis:     local.RedisOptions{Port: int(c.RedisPort), Password: c.RedisPassword.Reveal()},
		Miniredis: []string{self, "local", "redis"},
	})
	if err != nil {
		return err
	}
	if up.Postgres != nil {
		passwords := migrate.Passwords{Owner: c.OwnerPassword.Reveal(), App: c.AppPassword.Reveal()}
		if err := prepareDatabase(ctx, up.Postgres, passwords); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), up.Postgres)
	}
	if up.Redis != nil {
		fmt.Fprintln(cmd.OutOrStdout(), up.Redis)
	}
	fmt.Fprintln(cmd.OutOrStdout(), "data in", folder)
	return nil
}

// projectFolder is a checkout's data folder, shared without a project name.
func projectFolder(project string) (string, error) {
	name := "up"
	if project != "" {
		name += "-" + project
	}
	base, err := local.DefaultFolder()
	return filepath.Join(base, name), err
}

// prepareDatabase creates the database and its roles if missing, and sets the passwords.
func prepareDatabase(ctx context.Context, pg *local.Postgres, passwords migrate.Passwords) error {
	if err := pg.EnsureDatabase(ctx, databaseName); err != nil {
		return err
	}
	_, err := migrate.Bootstrap(ctx, pg.SuperuserURL(databaseName), passwords)
	return err
}

func localDown(cmd *cobra.Command, _ []string) error {
	config.IgnoreLibpq(true)
	project, err := load(config.LoadProjectName)
	if err != nil {
		return err
	}
	folder, err := projectFolder(project)
	if err != nil {
		return err
	}
	stopped, err := local.StopDetached(cmd.Context(), folder)
	if err != nil {
		return err
	}
	outcome := map[bool]string{true: "stopped", false: "was not running"}
	return printf(cmd, "PostgreSQL %s\nRedis %s", outcome[stopped.Postgres], outcome[stopped.Redis])
}

// localRedis is the background process that replaces a missing redis-server.
func localRedis(cmd *cobra.Command, _ []string) error {
	return local.ServeMiniredis(cmd.Context(), os.Getenv(local.MiniredisAddrVariable),
		os.Getenv(local.MiniredisPasswordVariable))
}

// localGuard is the background process that stops a development system whose last process crashed.
func localGuard(cmd *cobra.Command, args []string) error {
	return local.GuardShare(cmd.Context(), args[0])
}
