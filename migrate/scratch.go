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

// scratch is a database that exists for one question.
type scratch struct {
	name   string
	admin  string // URL of a superuser's, in whatever database
	config *pgx.ConnConfig
}

// newScratch makes an empty, bootstrapped database beside the one of the superuser's URL. End it with drop.
func newScratch(ctx context.Context, superuserURL string) (*scratch, error) {
	cfg, err := pgx.ParseConfig(superuserURL)
	if err != nil {
		return nil, errors.New("the scratch URL can't be read") // the cause may repeat it
	}
	s := &scratch{name: "konstruct_scratch_" + strings.ToLower(rand.Text()), admin: superuserURL, config: cfg}
	cfg.Database = s.name
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	if err := s.administer(ctx, "CREATE DATABASE "+rls.Quote(s.name)+" TEMPLATE template0"); err != nil {
		return nil, fmt.Errorf("scratch database: %w", err)
	}
	if err := s.bootstrap(ctx); err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
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
	conn, err := pgtenant.Connect(ctx, s.config.Copy())
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	return bootstrapOn(ctx, conn, nil)
}

// drop removes the database, whoever is connected to it, also when ctx has ended.
func (s *scratch) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := s.administer(ctx, "DROP DATABASE IF EXISTS "+rls.Quote(s.name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("scratch database %s is left over: %w", s.name, err)
	}
	return nil
}

// superuser opens a connection as the superuser, in the scratch database.
func (s *scratch) superuser(ctx context.Context) (*pgx.Conn, error) {
	return pgtenant.Connect(ctx, s.config.Copy())
}

// owner opens a connection that is the plain owner's.
func (s *scratch) owner(ctx context.Context) (*pgx.Conn, error) { return s.as(ctx, OwnerRole) }

// as opens a connection that is the role's for all that PostgreSQL decides by, as if it had logged in.
func (s *scratch) as(ctx context.Context, role string) (*pgx.Conn, error) {
	conn, err := pgtenant.Connect(ctx, s.config.Copy())
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "SET SESSION AUTHORIZATION "+rls.Quote(role)); err != nil {
		closeConn(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// open is the scratch database for Atlas, which speaks database/sql.
func (s *scratch) open() *sql.DB { return stdlib.OpenDB(*s.config) }
