package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// The lengths of a password that is being set, in bytes. The upper one keeps hashing an endless text from being an
// attack; it is far above what a pass phrase needs.
const (
	MinPassword = 8
	MaxPassword = 1024
)

// normalizePassword returns the form in which passwords are hashed: Unicode's composed form (NFC, as RFC 8265 asks for),
// since keyboards differ in how they write an accent. Bytes that are not UTF-8 stay as they are.
func normalizePassword(password string) string { return norm.NFC.String(password) }

// CheckPassword returns [ErrPassword] for a password that is too short, too long, or could not be sent as JSON: not UTF-8,
// or with U+0000.
func CheckPassword(password string) error {
	if len(password) < MinPassword || len(password) > MaxPassword || !utf8.ValidString(password) || strings.Contains(password, "\x00") {
		return ErrPassword
	}
	return nil
}

// Hasher turns passwords into hashes that say how they were made, and compares.
type Hasher interface {
	// Hash returns the hash of password with a new salt.
	Hash(ctx context.Context, password string) (string, error)
	// Compare reports whether hash was made of password.
	Compare(ctx context.Context, password, hash string) (bool, error)
}

// Params is the cost of argon2id.
type Params struct {
	MemoryKiB   uint32
	Iterations  uint32
	Parallelism uint8
}

// OWASP is what OWASP's password storage cheat sheet asks for: 19 MiB, two iterations, one lane. On one core it takes
// some 15 to 30 ms.
func OWASP() Params { return Params{MemoryKiB: 19 * 1024, Iterations: 2, Parallelism: 1} }

const (
	saltBytes = 16
	keyBytes  = 32
)

// Argon2 hashes with argon2id (RFC 9106). The hashes are in the reference implementation's format.
type Argon2 struct{ Params Params }

// Hash implements [Hasher].
func (a Argon2) Hash(_ context.Context, password string) (string, error) {
	return argon2id.CreateHash(password, &argon2id.Params{
		Memory: a.Params.MemoryKiB, Iterations: a.Params.Iterations, Parallelism: a.Params.Parallelism,
		SaltLength: saltBytes, KeyLength: keyBytes,
	})
}

// Compare implements [Hasher]. The cost is the hash's own.
func (a Argon2) Compare(_ context.Context, password, hash string) (bool, error) {
	return argon2id.ComparePasswordAndHash(password, hash)
}
