// Package token makes the random tokens of sessions and links, and their stored form.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Prefix identifies what a token is for, also for secret scanners.
type Prefix string

// The prefixes.
const (
	Session Prefix = "kst_"
	Link    Prefix = "klt_"
)

const randomBytes = 32

// New returns a token of 256 random bits and its hash.
func New(p Prefix) (token, hash string) {
	var b [randomBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	token = string(p) + base64.RawURLEncoding.EncodeToString(b[:])
	return token, hashOf(token)
}

// Hash returns the stored form of a token, 64 hexadecimal digits, and false for a token of another form. SHA-256
// suffices, because 256 random bits cannot be guessed.
func Hash(p Prefix, token string) (string, bool) {
	encoded, found := strings.CutPrefix(token, string(p))
	if !found || len(encoded) != base64.RawURLEncoding.EncodedLen(randomBytes) {
		return "", false
	}
	return hashOf(token), true
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
