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

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Pins are the accepted risks of Konstruct's own tables. docs/security/accepted-risks.md explains them.
func Pins(db DB, drv *pgtenant.Driver) []attack.Pin {
	return []attack.Pin{
		{
			ID:    "A73-estimates",
			Does:  "recovers a character of another tenant's value from the row estimates of EXPLAIN",
			Shows: "the estimates differ: statistics are shared by all tenants",
			Risk:  "plans-estimate", Privileged: true,
			Show: func(ctx context.Context) (bool, error) { return estimates(ctx, drv, db.SuperURL) },
		},
		{
			ID: "A75-forged-session", Does: "inserts a platform admin and a session into the global tables by SQL",
			Shows: "the session is accepted: the application's role has to write sessions", Risk: "forged-session",
			Show: func(ctx context.Context) (bool, error) { return forgedSession(ctx, drv) },
		},
		{
			ID: "A78-session-hashes", Does: "reads sessions' hashes by SQL, and asks session_tenants with them",
			Shows: "the tenants of people with live sessions are returned: the application's role reads sessions",
			Risk:  "functions-by-sql",
			Show:  func(ctx context.Context) (bool, error) { return askedByHash(ctx, drv) },
		},
		{
			ID: "A78-purged-events", Does: "marks a tenant as purging by SQL, and expires its audit events",
			Shows: "young events are deleted: the application's role writes the tenants' status",
			Risk:  "functions-by-sql",
			Show:  func(ctx context.Context) (bool, error) { return purgedEvents(ctx, drv) },
		},
	}
}

// forgedSession authenticates with a token that no login created.
func forgedSession(ctx context.Context, drv *pgtenant.Driver) (accepted bool, err error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	token := "kst_" + base64.RawURLEncoding.EncodeToString(secret[:])
	hash, user := sha256.Sum256([]byte(token)), uuid.New()
	_, forgedUser := pgtenant.Exec(ctx, drv, "insert into portal_users (id, email, hashed_password, name, is_admin) "+
		"values ($1, $2, 'none', 'forged', true)", user, user.String()+"@forged.example")
	_, forged := pgtenant.Exec(ctx, drv, "insert into portal_sessions (token_hash, user_id, expires_at) "+
		"values ($1, $2, $3)", hex.EncodeToString(hash[:]), user, time.Now().Add(time.Hour))
	if err := errors.Join(forgedUser, forged); err != nil {
		return false, err
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
func estimates(ctx context.Context, drv *pgtenant.Driver, superURL string) (recovered bool, err error) {
	client, letter := ent.NewClient(ent.Driver(drv)), rand.Text()[:1]
	owner, err := newTenant(ctx, client)
	if err != nil {
		return false, err
	}
	other, err := newTenant(ctx, client)
	if err != nil {
		return false, err
	}
	theirs, mine := tenancy.With(ctx, owner), tenancy.With(ctx, other)
	defer func() {
		_, agents := client.Agent.Delete().Exec(context.WithoutCancel(theirs))
		_, tenants := client.Tenant.Delete().Where(tenant.IDIn(owner.UUID(), other.UUID())).
			Exec(context.WithoutCancel(ctx))
		err = errors.Join(err, agents, tenants)
	}()
	if _, err := pgtenant.Exec(theirs, drv, "insert into agents (id, name) select gen_random_uuid(), "+
		"'~' || $1 || md5(n::text) from generate_series(1, 2000) n", letter); err != nil {
		return false, err
	}
	if err := analyze(ctx, superURL); err != nil {
		return false, err
	}
	guess, most := "", 0
	for l := range strings.SplitSeq("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "") {
		n, err := estimate(mine, drv, "name >= '~"+l+"' and name < '~"+l+"~'")
		if err != nil {
			return false, err
		}
		if n > most {
			guess, most = l, n
		}
	}
	return guess == letter, nil
}

// estimate returns how many of the tenant's agents the planner expects to meet a condition.
func estimate(ctx context.Context, drv *pgtenant.Driver, condition string) (int, error) {
	var top string
	if err := pgtenant.QueryRow(ctx, drv, "explain select id from agents where "+condition).Scan(&top); err != nil {
		return 0, err
	}
	found := estimatedRows.FindStringSubmatch(top)
	if found == nil {
		return 0, fmt.Errorf("no estimate in %q", top)
	}
	return strconv.Atoi(found[1])
}

func analyze(ctx context.Context, superURL string) error {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "analyze agents")
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}
