package local

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// EnsureDatabase creates the database if missing and reports whether it did.
func (p *Postgres) EnsureDatabase(ctx context.Context, name string) (created bool, err error) {
	conn, err := pgx.Connect(ctx, p.SuperuserDSN())
	if err != nil {
		return false, fmt.Errorf("%s: %w", p, ErrUnreachable)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	var exists bool
	err = conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return false, err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	return err == nil, err
}

// URL returns the URL of a database of this server for user.
func (p *Postgres) URL(user, password, database string) string {
	u, err := url.Parse(p.SuperuserDSN())
	if err != nil { // unreachable: SuperuserDSN is a URL
		return ""
	}
	u.User, u.Path = url.UserPassword(user, password), "/"+database
	return u.String()
}

// SuperuserURL is [Postgres.URL] for the superuser.
func (p *Postgres) SuperuserURL(database string) string {
	return p.URL(superuser, p.password, database)
}

// Comment sets the comment of a database.
func (p *Postgres) Comment(ctx context.Context, database, comment string) error {
	conn, err := pgx.Connect(ctx, p.SuperuserDSN())
	if err != nil {
		return fmt.Errorf("%s: %w", p, ErrUnreachable)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	// Utility statements take no parameters, so PostgreSQL quotes the text.
	var statement string
	const quote = "select format('comment on database %I is %L', $1::text, $2::text)"
	if err := conn.QueryRow(ctx, quote, database, comment).Scan(&statement); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}
