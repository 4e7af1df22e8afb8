package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// tokenPrefix makes a token recognisable, to people and to scanners for leaked secrets.
const tokenPrefix = "kst_"

const tokenBytes = 32

// newToken returns a token of 256 random bits.
func newToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// hashToken returns what the database knows of a token, and false for what can't be one. A plain SHA-256 is enough:
// there is nothing to guess in 256 random bits.
func hashToken(token string) (string, bool) {
	encoded, found := strings.CutPrefix(token, tokenPrefix)
	if !found || len(encoded) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:]), true
}
