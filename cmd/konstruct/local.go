package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/migrate"
)

// databaseName is what the database is called wherever this program makes one.
const databaseName = "konstruct"

const longLocal = `Starts PostgreSQL and Redis from this machine's own programs, for machines without Docker.
They listen on 127.0.0.1, on the ports and with the passwords of .env, and run on in the background until "local down".
The database konstruct is made and bootstrapped in them, so that "migrate up" is the next step.
Their data are those of COMPOSE_PROJECT_NAME in .env, so that two checkouts can have their own.`

func newLocal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "local",
		Short: "PostgreSQL and Redis in the background, without Docker",
		Long:  longLocal,
	}
	return group(cmd,
		&cobra.Command{
			Use: "up [postgres] [redis]", Short: "Start both, or the named one; what runs already is left as it is",
			Args: cobra.ArbitraryArgs, RunE: localUp,
		},
		&cobra.Command{Use: "down", Short: "End what `local up` started; the data stay", Args: noArgs, RunE: localDown},
		&cobra.Command{Use: "redis", Hidden: true, Args: noArgs, RunE: localRedis},
		&cobra.Command{Use: "guard FOLDER", Hidden: true, Args: exactArgs(1), RunE: localGuard},
	)
}

func localUp(cmd *cobra.Command, args []string) error {
	config.IgnoreLibpq(true)
	ctx := cmd.Context()
	for _, name := range args {
		if name != postgresService && name != redisService {
			return exit{fmt.Errorf("%q: without Docker there are %s and %s", name, postgresService, redisService), exitUsage}
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
		Without:   omitted(args),
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
	fmt.Fprintln(cmd.OutOrStdout(), "data in", up.Folder)
	return nil
}

// The names of the services are Compose's.
const (
	postgresService = "postgres"
	redisService    = "redis"
)

// omitted is the service that is not among the wanted ones, if they are not all.
func omitted(wanted []string) local.Service {
	switch {
	case len(wanted) == 0 || slices.Contains(wanted, postgresService) && slices.Contains(wanted, redisService):
		return local.NoService
	case slices.Contains(wanted, postgresService):
		return local.RedisService
	default:
		return local.PostgresService
	}
}

// projectFolder keeps the servers of one checkout. Without a name it is the one place for all.
func projectFolder(project string) (string, error) {
	base, err := local.DefaultFolder()
	if err != nil {
		return "", err
	}
	if project == "" {
		return filepath.Join(base, "up"), nil
	}
	return filepath.Join(base, "up-"+project), nil
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
