package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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
