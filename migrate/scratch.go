package migrate

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// scratch is a temporary database.
type scratch struct {
	name   string
	admin  string // a superuser's URL of any database
	config *pgx.ConnConfig
}

// withScratch calls fn with a bootstrapped database on the superuser's server and drops it, even if ctx is done.
func withScratch(ctx context.Context, superuserURL string, fn func(*scratch) error) (err error) {
	cfg, err := pgx.ParseConfig(superuserURL)
	if err != nil {
		return errors.New("the scratch URL is invalid") // the cause may contain it
	}
	s := &scratch{name: "konstruct_scratch_" + strings.ToLower(rand.Text()), admin: superuserURL, config: cfg}
	cfg.Database = s.name
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	if err := s.administer(ctx, "CREATE DATABASE "+rls.Quote(s.name)+" TEMPLATE template0"); err != nil {
		return fmt.Errorf("scratch database: %w", err)
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	if err := s.bootstrap(ctx); err != nil {
		return err
	}
	return fn(s)
}

// replay calls fn with a scratch database to which the owner role applied the chains.
func replay(ctx context.Context, scratchURL string, chains []Chain, fn func(*scratch) error) error {
	return withScratch(ctx, scratchURL, func(s *scratch) error {
		if len(chains) > 0 {
			if err := s.up(ctx, chains, nil, nil); err != nil {
				return err
			}
		}
		return fn(s)
	})
}

// replayAsApp calls fn with a connection of the application role to a scratch database with the chains.
func replayAsApp(ctx context.Context, scratchURL string, chains []Chain, fn func(*pgx.Conn) error) error {
	return replay(ctx, scratchURL, chains, func(s *scratch) error {
		conn, err := s.as(ctx, AppRole)
		if err != nil {
			return err
		}
		defer closeConn(ctx, conn)
		return fn(conn)
	})
}

func (s *scratch) administer(ctx context.Context, statement string) error {
	conn, err := connect(ctx, s.admin, nil)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	_, err = conn.Exec(ctx, statement)
	return err
}

func (s *scratch) bootstrap(ctx context.Context) error {
	conn, err := s.superuser(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	return bootstrapOn(ctx, conn, nil)
}

// drop removes the database even if it has connections.
func (s *scratch) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := s.administer(ctx, "DROP DATABASE IF EXISTS "+rls.Quote(s.name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop scratch database %s: %w", s.name, err)
	}
	return nil
}

func (s *scratch) superuser(ctx context.Context) (*pgx.Conn, error) {
	return pgtenant.Connect(ctx, s.config.Copy())
}

// as opens a connection with the session user set to the role, as if it had logged in.
func (s *scratch) as(ctx context.Context, role string) (*pgx.Conn, error) {
	conn, err := s.superuser(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "SET SESSION AUTHORIZATION "+rls.Quote(role)); err != nil {
		closeConn(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// open returns the database for Atlas, which uses database/sql.
func (s *scratch) open() *sql.DB { return stdlib.OpenDB(*s.config) }
