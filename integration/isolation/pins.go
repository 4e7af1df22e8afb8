package isolation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// Pins are the accepted risks of Konstruct's own tables. docs/security/accepted-risks.md explains them.
func Pins(db DB, drv *pgtenant.Driver) []attack.Pin {
	return []attack.Pin{
		{
			ID: "A73-estimates", Does: "recovers a character of another tenant's value from the row estimates of EXPLAIN",
			Shows: "the estimates differ: statistics are shared by all tenants", Risk: "plans-estimate", Privileged: true,
			Show: func(ctx context.Context) (bool, error) { return estimates(ctx, db) },
		},
		{
			ID: "A75-forged-session", Does: "inserts a platform admin and a session into the global tables by SQL",
			Shows: "the session is accepted: the application's role has to write sessions", Risk: "forged-session",
			Show: func(ctx context.Context) (bool, error) { return forgedSession(ctx, drv) },
		},
	}
}

// forgedSession authenticates with a token that no login created.
func forgedSession(ctx context.Context, drv *pgtenant.Driver) (accepted bool, err error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	token := "kst_" + base64.RawURLEncoding.EncodeToString(secret[:])
	hash, user := sha256.Sum256([]byte(token)), uuid.New()
	forge := []struct {
		sql  string
		args []any
	}{
		{
			"insert into portal_users (id, email, hashed_password, name, is_admin) values ($1, $2, 'none', 'forged', true)",
			[]any{user, user.String() + "@forged.example"},
		},
		{
			"insert into portal_sessions (token_hash, user_id, expires_at) values ($1, $2, $3)",
			[]any{hex.EncodeToString(hash[:]), user, time.Now().Add(time.Hour)},
		},
	}
	for _, f := range forge {
		if _, err := pgtenant.Exec(ctx, drv, f.sql, f.args...); err != nil {
			return false, err
		}
	}
	principal, err := account.NewSessions(drv, time.Now).Authenticate(ctx, token, tenancy.ID{})
	_, sessions := pgtenant.Exec(ctx, drv, "delete from portal_sessions where user_id = $1", user)
	_, users := pgtenant.Exec(ctx, drv, "delete from portal_users where id = $1", user)
	if errors.Is(err, account.ErrNoSession) {
		err = nil
	}
	return principal.IsAdmin, errors.Join(err, sessions, users)
}

var estimatedRows = regexp.MustCompile(`rows=(\d+)`)

// estimates gives one tenant many agents whose names begin with a secret letter. Another tenant, without agents, finds
// the letter by the estimates of EXPLAIN.
func estimates(ctx context.Context, db DB) (recovered bool, err error) {
	owner, other := uuid.NewString(), uuid.NewString()
	letter := rand.Text()[:1]
	conn, err := pgx.Connect(ctx, db.AppURL)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	stock := "with t as (insert into tenants (id, name, slug) values ($1::uuid, $1, $1), ($2::uuid, $2, $2)) select 1"
	if _, err := conn.Exec(ctx, stock, owner, other); err != nil {
		return false, err
	}
	const agents = "insert into agents (id, name) select gen_random_uuid(), '~' || $1 || md5(n::text) from generate_series(1, 2000) n"
	defer func() {
		err = errors.Join(err, underTenant(ctx, conn, owner, "delete from agents"),
			underTenant(ctx, conn, owner, "delete from tenants where id = $1 or id = $2", owner, other))
	}()
	if err := underTenant(ctx, conn, owner, agents, letter); err != nil {
		return false, err
	}
	if err := analyze(ctx, db.SuperURL); err != nil {
		return false, err
	}
	guess, most := "", 0
	for l := range strings.SplitSeq("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "") {
		n, err := estimate(ctx, conn, other, "name >= '~"+l+"' and name < '~"+l+"~'")
		if err != nil {
			return false, err
		}
		if n > most {
			guess, most = l, n
		}
	}
	return guess == letter, nil
}

func underTenant(ctx context.Context, conn *pgx.Conn, tenant, text string, args ...any) error {
	return pgx.BeginFunc(context.WithoutCancel(ctx), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, rls.SetTenant, tenant); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, text, args...)
		return err
	})
}

// estimate returns how many of the tenant's agents the planner expects to meet a condition.
func estimate(ctx context.Context, conn *pgx.Conn, tenant, condition string) (n int, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, rls.SetTenant, tenant); err != nil {
			return err
		}
		var top string
		if err := tx.QueryRow(ctx, "explain select id from agents where "+condition).Scan(&top); err != nil {
			return err
		}
		found := estimatedRows.FindStringSubmatch(top)
		if found == nil {
			return fmt.Errorf("no estimate in %q", top)
		}
		n, err = strconv.Atoi(found[1])
		return err
	})
	return n, err
}

func analyze(ctx context.Context, superURL string) error {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "analyze agents")
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}
