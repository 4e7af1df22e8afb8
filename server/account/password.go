package account

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/text/unicode/norm"
)

// The length of a new password, in bytes. The maximum bounds the cost of hashing.
const (
	MinPassword = 8
	MaxPassword = 1024
)

// normalizePassword returns the NFC form of a password (RFC 8265), because keyboards compose accents differently.
// Invalid UTF-8 is kept.
func normalizePassword(password string) string { return norm.NFC.String(password) }

// CheckPassword returns [ErrPassword] if a password is too short, too long, or not valid in JSON: not UTF-8, or with
// U+0000.
func CheckPassword(password string) error {
	if len(password) < MinPassword || len(password) > MaxPassword ||
		!utf8.ValidString(password) || strings.Contains(password, "\x00") {
		return ErrPassword
	}
	return nil
}

// hashPassword returns the hash of a new password, [ErrPassword] or the hasher's error.
func hashPassword(ctx context.Context, hasher Hasher, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	hash, err := hasher.Hash(ctx, normalizePassword(password))
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// Hasher hashes passwords. A hash includes its parameters.
type Hasher interface {
	// Hash hashes password with a new salt.
	Hash(ctx context.Context, password string) (string, error)
	// Compare reports whether hash is of password.
	Compare(ctx context.Context, password, hash string) (bool, error)
}

// Params is the cost of argon2id.
type Params struct {
	MemoryKiB   uint32
	Iterations  uint32
	Parallelism uint8
}

// OWASP returns the parameters of OWASP's password storage cheat sheet: 19 MiB, two iterations, one lane. A hash takes
// 15 to 30 ms on one core.
func OWASP() Params { return Params{MemoryKiB: 19 * 1024, Iterations: 2, Parallelism: 1} }

const (
	saltBytes = 16
	keyBytes  = 32
)

// Argon2 hashes with argon2id (RFC 9106), in the format of the reference implementation.
type Argon2 struct{ Params Params }

// Hash implements [Hasher].
func (a Argon2) Hash(_ context.Context, password string) (string, error) {
	return argon2id.CreateHash(password, &argon2id.Params{
		Memory: a.Params.MemoryKiB, Iterations: a.Params.Iterations, Parallelism: a.Params.Parallelism,
		SaltLength: saltBytes, KeyLength: keyBytes,
	})
}

// Compare implements [Hasher], with the parameters in hash.
func (a Argon2) Compare(_ context.Context, password, hash string) (bool, error) {
	return argon2id.ComparePasswordAndHash(password, hash)
}
