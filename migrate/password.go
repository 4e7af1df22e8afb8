package migrate

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/rls"
)

const scramIterations = 4096

// ErrPassword is returned for a password with other characters, which clients normalize differently for SCRAM.
var ErrPassword = errors.New("a role's password must be printable ASCII")

// verifier sets a role's password.
type verifier struct {
	role     string
	password string
}

func (p Passwords) verifiers() ([]verifier, error) {
	var out []verifier
	for _, v := range []verifier{{OwnerRole, p.Owner}, {AppRole, p.App}} {
		if v.password == "" {
			continue
		}
		if strings.IndexFunc(v.password, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			return nil, fmt.Errorf("%s: %w", v.role, ErrPassword)
		}
		out = append(out, v)
	}
	return out, nil
}

// set changes the role's password if it differs: a needless ALTER ROLE can collide with a concurrent one.
func (v verifier) set(ctx context.Context, conn *pgx.Conn) error {
	current, err := v.current(ctx, conn)
	if err != nil {
		return err
	}
	if v.matches(current) {
		return nil
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	secret, err := scramSecret(v.password, salt, scramIterations)
	if err != nil {
		return err
	}
	// ALTER ROLE takes no parameters. The secret contains no quotes.
	_, err = conn.Exec(ctx, fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", rls.Quote(v.role), secret))
	return err
}

// current returns the role's stored verifier, or "" if it is unset or may not be read.
func (v verifier) current(ctx context.Context, conn *pgx.Conn) (string, error) {
	var stored string
	err := conn.QueryRow(ctx, "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = $1",
		v.role).Scan(&stored)
	if hasCode(err, "42501") {
		return "", nil
	}
	return stored, err
}

// matches reports whether a stored verifier is of this password.
func (v verifier) matches(stored string) bool {
	var iterations int
	var rest string
	if _, err := fmt.Sscanf(stored, "SCRAM-SHA-256$%d:%s", &iterations, &rest); err != nil {
		return false
	}
	encoded, _, _ := strings.Cut(rest, "$")
	salt, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return false
	}
	made, err := scramSecret(v.password, salt, iterations)
	return err == nil && hmac.Equal([]byte(made), []byte(stored))
}

// scramSecret returns a SCRAM-SHA-256 verifier as PostgreSQL stores it (RFC 5802 section 3, RFC 5803).
func scramSecret(password string, salt []byte, iterations int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s",
		iterations, b64(salt), b64(stored[:]), b64(keyed(salted, "Server Key"))), nil
}

func keyed(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
