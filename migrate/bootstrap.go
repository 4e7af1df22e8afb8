package migrate

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/secret"
)

// The roles that bootstrap.sql makes.
const (
	OwnerRole    = "konstruct_owner"
	AppRole      = "konstruct_app"
	ResolverRole = "konstruct_resolver"
)

//go:embed bootstrap.sql
var bootstrapSQL string

// BootstrapSQL is the text of bootstrap.sql, for whoever has a superuser's rights but not this repository.
func BootstrapSQL() string { return bootstrapSQL }

// Passwords are those of the two roles that log in. An empty one leaves the role's password as it is.
type Passwords struct {
	secret.Redacted

	Owner string
	App   string
}

// bootstrapAttempts bounds how often Bootstrap starts again when another one alters the same role at the same moment.
const bootstrapAttempts = 12

// bootstrapNotice begins each warning that bootstrap.sql raises.
const bootstrapNotice = "konstruct bootstrap: "

// Bootstrap runs bootstrap.sql in the database of superuserURL, and then sets the passwords. It can be repeated, by many
// at once. The warnings name what this server did not let anyone revoke; on managed PostgreSQL some are expected.
//
// Passwords go out as SCRAM-SHA-256 verifiers (RFC 5803), so they stand in no statement, log or error.
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

// bootstrapOn repeats the attempt while others are at the same roles.
func bootstrapOn(ctx context.Context, conn *pgx.Conn, verifiers []verifier) error {
	for attempt := 1; ; attempt++ {
		err := bootstrap(ctx, conn, verifiers)
		if err == nil {
			return nil
		}
		if attempt == bootstrapAttempts || !collided(err) {
			return fmt.Errorf("bootstrap: %w", err)
		}
		if err := pause(ctx, time.Duration(attempt)*10*time.Millisecond); err != nil {
			return err
		}
	}
}

// bootstrap makes one attempt, and leaves no transaction behind.
func bootstrap(ctx context.Context, conn *pgx.Conn, verifiers []verifier) error {
	// The script is many statements in a transaction of its own, hence the simple protocol.
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

// collided tells whether the statement lost a race against one that did the same: PostgreSQL reports "tuple
// concurrently updated" as an internal error.
func collided(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{
		"XX000", // internal_error
		"23505", // unique_violation, in a system catalog
		"42710", // duplicate_object
		"40P01", // deadlock_detected
	}, pgErr.Code)
}

// pause waits for d and some more, so that two who collided do not collide again.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d + rand.N(d)) //nolint:gosec // spreads retries, guards nothing
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
