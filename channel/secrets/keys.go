package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// KeySize is a key's length in bytes: AES-256.
const KeySize = 32

// keyIDSize is how many bytes of the derived hash make a key's id.
const keyIDSize = 8

// ParseKeys reads keys as the configuration holds them: separated by commas, each 32 bytes in standard base64
// (RFC 4648, section 4, with padding). White space around a key is ignored. The errors are [ErrNoKeys] and
// [ErrKey]; they never repeat the text.
func ParseKeys(text string) ([][]byte, error) {
	if strings.TrimSpace(text) == "" {
		return nil, ErrNoKeys
	}
	var keys [][]byte
	for i, part := range strings.Split(text, ",") {
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != KeySize {
			return nil, fmt.Errorf("%w: number %d", ErrKey, i+1)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// keyID names a key without telling anything of it: 16 hex digits.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("konstruct channel secrets: key id")) // a hash's Write never fails
	return hex.EncodeToString(mac.Sum(nil)[:keyIDSize])
}
