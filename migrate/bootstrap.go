package migrate

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/redact"
)

// The roles that bootstrap.sql creates.
const (
	OwnerRole    = "konstruct_owner"
	AppRole      = "konstruct_app"
	ResolverRole = "konstruct_resolver"
)

//go:embed bootstrap.sql
var bootstrapSQL string

// BootstrapSQL returns bootstrap.sql, for an administrator without this repository.
func BootstrapSQL() string { return bootstrapSQL }

// Passwords of the roles that log in. An empty one leaves the role's password unchanged.
type Passwords struct {
	redact.Redacted

	Owner string
	App   string
}

// bootstrapNotice is the prefix of the warnings that bootstrap.sql raises.
const bootstrapNotice = "konstruct bootstrap: "

// Bootstrap runs bootstrap.sql in the database of superuserURL, and then sets the passwords. It is idempotent and may
// run concurrently. The warnings name privileges that could not be revoked; on managed PostgreSQL some are expected.
//
// Passwords are sent as SCRAM-SHA-256 verifiers (RFC 5803), so no statement, log or error contains them.
func Bootstrap(ctx context.Context, superuserURL string, p Passwords) (warnings []string, err error) {
	verifiers, err := p.verifiers()
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, superuserURL, func(n *pgconn.Notice) {
		if text, ours := strings.CutPrefix(n.Message, bootstrapNotice); ours {
			warnings = append(warnings, text)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	defer closeConn(ctx, conn)

	if err := bootstrapOn(ctx, conn, verifiers); err != nil {
		return nil, err
	}
	return slices.Compact(warnings), nil
}

// bootstrapOn retries while concurrent runs alter the same roles.
func bootstrapOn(ctx context.Context, conn *pgx.Conn, verifiers []verifier) error {
	run := func() error { return bootstrap(ctx, conn, verifiers) }
	if err := retry(ctx, collisionAttempts, collisionPause, collided, run); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}

// bootstrap makes one attempt and leaves no transaction open.
func bootstrap(ctx context.Context, conn *pgx.Conn, verifiers []verifier) error {
	// The script has many statements, hence the simple protocol.
	if _, err := conn.PgConn().Exec(ctx, bootstrapSQL).ReadAll(); err != nil {
		_, rollbackErr := conn.Exec(ctx, "ROLLBACK")
		return errors.Join(err, rollbackErr)
	}
	for _, v := range verifiers {
		if err := v.set(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}
