package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// tokenPrefix identifies session tokens, also for secret scanners.
const tokenPrefix = "kst_"

const tokenBytes = 32

// newToken returns a token of 256 random bits.
func newToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hashToken returns the stored form of a token, and false for a malformed one. SHA-256 suffices, because 256 random
// bits cannot be guessed.
func hashToken(token string) (string, bool) {
	encoded, found := strings.CutPrefix(token, tokenPrefix)
	if !found || len(encoded) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:]), true
}
