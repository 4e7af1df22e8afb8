package operation

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

var (
	// ErrKeyReused is returned when an Idempotency-Key was sent with another request.
	ErrKeyReused = errors.New("operation: Idempotency-Key was used for another request")
	// ErrInProgress is returned when a request with the same Idempotency-Key is still being processed.
	ErrInProgress = errors.New("operation: a request with this Idempotency-Key is in progress")
)

// IdempotencyKeys keeps the responses to requests with an Idempotency-Key for a day, in the transaction of the request:
// a request that fails keeps none. Keys belong to the context's tenant, or to the platform.
type IdempotencyKeys struct {
	DB    dialect.ExecQuerier // joins the context's transaction
	Clock func() time.Time
	// Key is the same on every instance. Bodies with passwords are stored as a MAC, because a hash would let readers of
	// the table guess them faster than by the password's own hash.
	Key []byte
}

// Claim is a request with an Idempotency-Key.
type Claim struct {
	scope string
	body  []byte // its hash
}

// NewClaim returns the claim of a request. The same key of another user, method or path is another claim.
func NewClaim(user uuid.UUID, method, path, key string, bodyHash []byte) Claim {
	scope := sha256.Sum256([]byte(strings.Join([]string{user.String(), method, path, key}, "\x00")))
	return Claim{scope: hex.EncodeToString(scope[:]), body: bodyHash}
}

// sign returns the stored form of the claim's body.
func (k *IdempotencyKeys) sign(c Claim) string {
	mac := hmac.New(sha256.New, k.Key)
	mac.Write(c.body) // never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// maxClaimWait is how long a claim waits for a concurrent request with the same key. keyLifetime is how long a response
// is kept; the sweeper deletes it within an hour after that.
const (
	maxClaimWait = "200ms"
	keyLifetime  = 24 * time.Hour
)

// Begin returns the response that the claim has, and whether it has one. Returns [ErrKeyReused], or [ErrInProgress]
// after 200 ms. Call it first in the transaction.
func (k *IdempotencyKeys) Begin(ctx context.Context, c Claim) (response string, found bool, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", false, err
	}
	table, signed, now := keysTable(ctx), k.sign(c), k.Clock()
	claimed, err := pgtenant.Exec(ctx, k.DB, `INSERT INTO `+table+` (id, created_at, scope, request_hash)
		SELECT $1, $2, $3, $4 FROM (SELECT set_config('lock_timeout', $5, true) AS bound) AS t WHERE bound <> ''
		ON CONFLICT DO NOTHING`, id, now, c.scope, signed, maxClaimWait)
	if sqlState(err) == lockNotAvailable {
		return "", false, ErrInProgress
	}
	if err != nil {
		return "", false, fmt.Errorf("claim an Idempotency-Key: %w", err)
	}
	var reset, stored string
	var made time.Time
	err = pgtenant.QueryRow(ctx, k.DB, `SELECT set_config('lock_timeout', s.reset_val, true), r.created_at,
		  r.request_hash, r.answer
		FROM pg_settings s, `+table+` r WHERE s.name = 'lock_timeout' AND r.scope = $1`, c.scope).
		Scan(&reset, &made, &stored, &response)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("claim an Idempotency-Key: %w", err)
	case claimed == 0 && !made.After(now.Add(-keyLifetime)):
		if _, err := pgtenant.Exec(ctx, k.DB, `DELETE FROM `+table+` WHERE scope = $1 AND created_at = $2`,
			c.scope, made); err != nil {
			return "", false, fmt.Errorf("replace an Idempotency-Key: %w", err)
		}
		return k.Begin(ctx, c)
	case stored != signed:
		return "", false, ErrKeyReused
	}
	return response, claimed == 0, nil
}

// Keep stores the response to the claim. It must have no secrets.
func (k *IdempotencyKeys) Keep(ctx context.Context, c Claim, response string) error {
	_, err := pgtenant.Exec(ctx, k.DB, `UPDATE `+keysTable(ctx)+` SET answer = $2 WHERE scope = $1`, c.scope, response)
	if err != nil {
		return fmt.Errorf("keep a response: %w", err)
	}
	return nil
}

func keysTable(ctx context.Context) string {
	if _, err := tenancy.From(ctx); err != nil {
		return "platform_idempotency_keys"
	}
	return "idempotency_keys"
}
