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

const redisTimeout = 5 * time.Second

// announce logs the version and the disabled features.
func announce(ctx context.Context, c config.Serve, log *slog.Logger) {
	log.InfoContext(ctx, "starting", "version", thisBuild().Version)
	if !c.Slack.SigningSecret.IsSet() {
		log.WarnContext(ctx, "SLACK_SIGNING_SECRET is not set: the Slack webhook is disabled")
	}
	if !c.SecretsKeys.IsSet() {
		log.WarnContext(ctx, "KONSTRUCT_SECRETS_KEY is not set: secrets of channel connections cannot be stored or "+
			"read, and failed logins are counted in the memory of this process only")
	}
}

// checkRedis warns if Redis is not available. The API works without it.
func (s *system) checkRedis(ctx context.Context, log *slog.Logger) {
	go func() {
		ctx, cancel := context.WithTimeout(ctx, redisTimeout)
		defer cancel()
		if err := s.checks.redis.run(ctx); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			log.WarnContext(ctx, "Redis is not available", "error", err)
		}
	}()
}

var errNoSchema = errors.New("the database has no schema yet")

// hasSchema reports whether the schema exists, current or not.
func hasSchema(ctx context.Context, drv *pgtenant.Driver) (bool, error) {
	var has sql.NullBool
	err := pgtenant.QueryRow(ctx, drv, "select to_regclass('public.tenants') is not null").Scan(&has)
	return has.Bool, err
}

func migrateFirst(pending error) error {
	return exit{fmt.Errorf("%w: run %q (or task migrate)", pending, programName()+" migrate up"), exitPending}
}

// withSchema calls do with a database that has tables. It warns of pending migrations.
func withSchema(ctx context.Context, c config.Database, log *slog.Logger, do func(*pgtenant.Driver) error) error {
	drv, err := openDriver(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	has, err := hasSchema(ctx, drv)
	if err != nil {
		return explainDatabase("DATABASE_URL", c.URL, err)
	}
	if !has {
		return migrateFirst(errNoSchema)
	}
	err = drv.WithConn(ctx, func(conn *pgx.Conn) error {
		if current, detail, err := migrate.Current(ctx, conn); err == nil && !current {
			log.WarnContext(ctx, "the schema is not at this version: run konstruct migrate up", "detail", detail)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return do(drv)
}

// explainDatabase adds the variable to fix and a hint to a connection error.
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
		return fmt.Errorf("%s: PostgreSQL rejected the password of %s, or the role does not exist "+
			"(run migrate up first).\n"+
			"A data volume keeps the passwords of its first start; changing them in .env has no effect on it.\n"+
			"Change the password as the superuser (psql: \\password %s), "+
			"or delete the data (docker compose down --volumes).\n%w",
			variable, url.User(), url.User(), err)
	case pgtenant.CauseDatabase:
		return fmt.Errorf("%s: the database %s does not exist: %w", variable, url, err)
	case pgtenant.CauseRefused:
		return fmt.Errorf("%s: no server is listening at %s (start one with: task up): %w", variable, url, err)
	default:
		return fmt.Errorf("%s: PostgreSQL is not available: %w", variable, err)
	}
}
