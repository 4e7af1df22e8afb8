package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// redisWithin bounds the look at Redis when a server starts.
const redisWithin = 5 * time.Second

// announce logs the version, and each feature that the configuration leaves off.
func announce(ctx context.Context, c config.Serve, log *slog.Logger) {
	log.InfoContext(ctx, "starting", "version", version())
	if !c.Slack.SigningSecret.IsSet() {
		log.WarnContext(ctx, "SLACK_SIGNING_SECRET is not set: the Slack route is off")
	}
	if !c.SecretsKeys.IsSet() {
		log.WarnContext(ctx, "KONSTRUCT_SECRETS_KEY is not set: secrets of channel connections can be neither set nor opened, "+
			"and login attempts are counted by this process alone, until it ends")
	}
}

// lookAtRedis warns in the background where Redis cannot be used: the API works without it.
func (s *system) lookAtRedis(ctx context.Context, log *slog.Logger) {
	go func() {
		ctx, cancel := context.WithTimeout(ctx, redisWithin)
		defer cancel()
		if err := s.checks.redis.run(ctx); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			log.WarnContext(ctx, "Redis is not available", "error", err)
		}
	}()
}

var errNoSchema = errors.New("the database has no schema yet")

// hasSchema reports whether any migration was run.
func hasSchema(ctx context.Context, drv *pgtenant.Driver) (bool, error) {
	var has sql.NullBool
	err := pgtenant.QueryRow(ctx, drv, "select to_regclass('public.tenants') is not null", nil, &has)
	return has.Bool, err
}

func migrateFirst(pending error) error {
	return exit{fmt.Errorf("%w: run %q first (task migrate)", pending, programName()+" migrate up"), exitPending}
}

// requireSchema refuses a database without tables, and warns of migrations that are pending.
func requireSchema(ctx context.Context, url config.DatabaseURL, drv *pgtenant.Driver, log *slog.Logger) error {
	has, err := hasSchema(ctx, drv)
	if err != nil {
		return explainDatabase("DATABASE_URL", url, err)
	}
	if !has {
		return migrateFirst(errNoSchema)
	}
	return drv.WithConn(ctx, func(conn *pgx.Conn) error {
		if current, detail, err := migrate.Current(ctx, conn); err == nil && !current {
			log.WarnContext(ctx, "the schema is not this program's: run konstruct migrate up", "detail", detail)
		}
		return nil
	})
}

// explainDatabase says in the configuration's words why a connection failed. variable names the URL.
func explainDatabase(variable string, url config.DatabaseURL, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	failed, ok := errors.AsType[*pgtenant.ConnectError](err)
	if !ok {
		return err
	}
	switch failed.Cause {
	case pgtenant.CauseCredentials:
		return fmt.Errorf("%s: PostgreSQL refuses the password of %s, or has no such role (before the first migrate up).\n"+
			"A data volume keeps the passwords of its first start: another one in .env does not change them.\n"+
			"Change it as the superuser (psql's \\password %s), or delete the data (docker compose down --volumes).\n%w",
			variable, url.User(), url.User(), err)
	case pgtenant.CauseDatabase:
		return fmt.Errorf("%s: the database %s does not exist: %w", variable, url, err)
	case pgtenant.CauseRefused:
		return fmt.Errorf("%s: no PostgreSQL listens at %s (start one with: task up): %w", variable, url, err)
	default:
		return fmt.Errorf("%s: PostgreSQL is not available: %w", variable, err)
	}
}
