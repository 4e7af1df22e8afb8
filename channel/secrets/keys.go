package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// KeySize is a key's length in bytes: AES-256.
const KeySize = 32

const keyIDSize = 8

// keyID returns 16 hex digits that identify a key and reveal nothing of it.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("konstruct channel secrets: key id")) // a hash's Write never fails
	return hex.EncodeToString(mac.Sum(nil)[:keyIDSize])
}

// KeyIDs returns the ids of the keys in their configured order; the first key seals. Ids may be printed.
func (b *Box) KeyIDs() []string { return slices.Clone(b.ids) }

// KeyID returns the id of the key that sealed a text, configured or not. The error is [ErrNotSealed].
func KeyID(sealed string) (string, error) {
	id, _, err := parseSealed(sealed)
	return id, err
}
