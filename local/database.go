package local

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
)

// EnsureDatabase creates a database by that name unless there is one, and tells whether it did.
func (p *Postgres) EnsureDatabase(ctx context.Context, name string) (created bool, err error) {
	conn, err := pgx.Connect(ctx, p.SuperuserDSN())
	if err != nil {
		return false, fmt.Errorf("%s: %w", p, ErrUnreachable)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	var there bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&there); err != nil || there {
		return false, err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	return err == nil, err
}

// URL is how user logs in to a database of this server.
func (p *Postgres) URL(user, password, database string) string {
	u, err := url.Parse(p.SuperuserDSN())
	if err != nil { // a URL that this package built
		return ""
	}
	u.User, u.Path = url.UserPassword(user, password), "/"+database
	return u.String()
}

// SuperuserURL is how the superuser logs in to a database of this server.
func (p *Postgres) SuperuserURL(database string) string {
	return p.URL(superuser, p.password, database)
}

// Comment sets a database's comment.
func (p *Postgres) Comment(ctx context.Context, database, comment string) error {
	conn, err := pgx.Connect(ctx, p.SuperuserDSN())
	if err != nil {
		return fmt.Errorf("%s: %w", p, ErrUnreachable)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	// A utility statement takes no arguments: PostgreSQL quotes the text itself.
	var statement string
	const quote = "select format('comment on database %I is %L', $1::text, $2::text)"
	if err := conn.QueryRow(ctx, quote, database, comment).Scan(&statement); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return err
}
