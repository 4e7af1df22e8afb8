package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// KeySize is a key's length in bytes: AES-256.
const KeySize = 32

// keyIDSize is how many bytes of the derived hash make a key's id.
const keyIDSize = 8

// keyID names a key without telling anything of it: 16 hex digits.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("konstruct channel secrets: key id")) // a hash's Write never fails
	return hex.EncodeToString(mac.Sum(nil)[:keyIDSize])
}

// KeyIDs returns the ids of the box's keys in the order in which the keys were configured: the first seals. An id
// reveals nothing of its key, so it may be printed.
func (b *Box) KeyIDs() []string { return slices.Clone(b.ids) }

// KeyID returns the id of the key with which a text was sealed, whether or not that key is configured. The error is
// [ErrNotSealed].
func KeyID(sealed string) (string, error) {
	id, _, err := parseSealed(sealed)
	return id, err
}
