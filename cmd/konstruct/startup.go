package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/redis/rueidis"

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
		if err := s.redis.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.WarnContext(ctx, "Redis is not available", "error", err)
		}
	}()
}

// requireSchema refuses a database without tables, and warns of migrations that are pending.
func requireSchema(ctx context.Context, url config.DatabaseURL, drv *pgtenant.Driver, log *slog.Logger) error {
	// Through the pool, whose errors still say why a connection failed.
	rows, _ := drv.Pool().Query(ctx, "select to_regclass('public.portal_users') is not null")
	there, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil {
		return explainDatabase("DATABASE_URL", url, err)
	}
	if !there {
		err := fmt.Errorf("the database %s has no tables yet: run %q first (task migrate)", url, programName()+" migrate up")
		return exit{err, exitPending}
	}
	if current, detail, err := migrate.Current(ctx, drv.Pool()); err == nil && !current {
		log.WarnContext(ctx, "the schema is not this program's: run konstruct migrate up", "detail", detail)
	}
	return nil
}

// explainDatabase says in the configuration's words why a connection failed. variable names the URL.
func explainDatabase(variable string, url config.DatabaseURL, err error) error {
	pgErr, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case answered && pgErr.Code == "28P01":
		return fmt.Errorf("%s: PostgreSQL refuses the password of %s (SQLSTATE 28P01).\n"+
			"A data volume keeps the passwords of its first start: another one in .env does not change them.\n"+
			"Change it as the superuser (psql's \\password %s), or delete the data (docker compose down --volumes).\n%w",
			variable, url.User(), url.User(), err)
	case answered && pgErr.Code == "3D000":
		return fmt.Errorf("%s: there is no such database: %s: %w", variable, url, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: no PostgreSQL listens at %s (start one with: task up): %w", variable, url, err)
	}
	return err
}

// redisFault says why Redis cannot be used, without what the URL may hold.
func redisFault(err error) error {
	if answer, ok := rueidis.IsRedisErr(err); ok {
		code, _, _ := strings.Cut(answer.Error(), " ")
		if strings.Contains(answer.Error(), "AUTH") || code == "WRONGPASS" {
			return fmt.Errorf("REDIS_URL: Redis refuses the password (%s): it has to be REDIS_PASSWORD as it was when Redis started "+
				"(task up again after a change)", code)
		}
		return fmt.Errorf("REDIS_URL: Redis answers %s", code)
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("REDIS_URL: %w", network)
	}
	return fmt.Errorf("REDIS_URL: %T", err)
}
