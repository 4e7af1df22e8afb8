package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/migrate"
)

// databaseName is what the database is called wherever this program makes one.
const databaseName = "konstruct"

const longLocal = `Starts PostgreSQL and Redis from this machine's own programs, for machines without Docker.
They listen on 127.0.0.1, on the ports and with the passwords of .env, and run on in the background until "local down".
The database konstruct is made and bootstrapped in them, so that "migrate up" is the next step.`

func newLocal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "local",
		Short: "PostgreSQL and Redis in the background, without Docker",
		Long:  longLocal,
	}
	return group(cmd,
		&cobra.Command{Use: "up", Short: "Start them; what runs already is left as it is", Args: noArgs, RunE: localUp},
		&cobra.Command{Use: "down", Short: "End what `local up` started; the data stay", Args: noArgs, RunE: localDown},
		&cobra.Command{Use: "redis", Hidden: true, Args: noArgs, RunE: localRedis},
		&cobra.Command{Use: "guard FOLDER", Hidden: true, Args: exactArgs(1), RunE: localGuard},
	)
}

func localUp(cmd *cobra.Command, _ []string) error {
	ctx := cmd.Context()
	c, err := load(config.LoadLocal)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	up, err := local.StartDetached(ctx, local.DetachedOptions{
		Postgres:  local.PostgresOptions{Port: int(c.PostgresPort), Password: c.SuperuserPassword.Reveal()},
		Redis:     local.RedisOptions{Port: int(c.RedisPort), Password: c.RedisPassword.Reveal()},
		Miniredis: []string{self, "local", "redis"},
	})
	if err != nil {
		return err
	}
	passwords := migrate.Passwords{Owner: c.OwnerPassword.Reveal(), App: c.AppPassword.Reveal()}
	if err := prepareDatabase(ctx, up.Postgres, passwords); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\ndata in %s\n", up.Postgres, up.Redis, up.Folder)
	return nil
}

// prepareDatabase makes the database and its roles; a second time it only sets the passwords.
func prepareDatabase(ctx context.Context, pg *local.Postgres, passwords migrate.Passwords) error {
	if _, err := pg.EnsureDatabase(ctx, databaseName); err != nil {
		return err
	}
	_, err := migrate.Bootstrap(ctx, pg.SuperuserURL(databaseName), passwords)
	return err
}

func localDown(cmd *cobra.Command, _ []string) error {
	stopped, err := local.StopDetached(cmd.Context(), "")
	if err != nil {
		return err
	}
	for _, server := range []struct {
		name  string
		ended bool
	}{{"PostgreSQL", stopped.Postgres}, {"Redis", stopped.Redis}} {
		what := "was not running"
		if server.ended {
			what = "stopped"
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", server.name, what)
	}
	return nil
}

// localRedis is the background process that stands in for redis-server.
func localRedis(cmd *cobra.Command, _ []string) error {
	return local.ServeMiniredis(cmd.Context(), os.Getenv(local.MiniredisAddrVariable), os.Getenv(local.MiniredisPasswordVariable))
}

// localGuard is the background process that stops a development system's servers when its last process ends without.
func localGuard(cmd *cobra.Command, args []string) error {
	return local.GuardShare(cmd.Context(), args[0])
}
