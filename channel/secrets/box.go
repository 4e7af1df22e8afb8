package secrets

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/konstruct/konstruct/secret"
	"github.com/konstruct/konstruct/tenancy"
)

const (
	// MaxValue is the greatest length of a secret, in bytes.
	MaxValue = 16 << 10

	format  = "ks1"
	purpose = "konstruct channel secret, ks1"
	// maxSealed bounds what Open decodes: the nonce, the greatest value and the tag, in base64.
	maxSealed = (subtle.AESGCMIVSize + MaxValue + subtle.AESGCMTagSize) * 4 / 3
)

// Ref says whose secret it is. All fields are needed.
type Ref struct {
	Tenant     tenancy.ID
	Connection uuid.UUID
	// Channel is the connection's channel type, as its column spells it.
	Channel string
}

func (r Ref) check() error {
	if r.Tenant.IsZero() {
		return fmt.Errorf("secrets: %w", tenancy.ErrInvalidID)
	}
	if r.Connection == uuid.Nil || r.Channel == "" {
		return ErrInvalidRef
	}
	return nil
}

// Box seals and opens with the configured keys. It may be used by several goroutines at once. A nil Box has no keys: it
// refuses to seal and to open with [ErrNoKeys], and still removes secrets.
type Box struct {
	secret.Redacted

	first string // the id of the key that seals
	ids   []string
	byID  map[string]tink.AEAD
}

// NewBox returns a box whose first key seals and whose keys all open. The errors are [ErrNoKeys], [ErrKey] and
// [ErrDuplicateKey].
func NewBox(keys [][]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	box := &Box{first: keyID(keys[0]), byID: map[string]tink.AEAD{}}
	for i, key := range keys {
		if len(key) != KeySize { // 16 would be taken, for AES-128
			return nil, fmt.Errorf("%w: number %d", ErrKey, i+1)
		}
		cipher, err := subtle.NewAESGCM(key)
		if err != nil {
			return nil, fmt.Errorf("%w: number %d", ErrKey, i+1)
		}
		if _, taken := box.byID[keyID(key)]; taken {
			return nil, fmt.Errorf("%w: number %d", ErrDuplicateKey, i+1)
		}
		box.ids = append(box.ids, keyID(key))
		box.byID[keyID(key)] = cipher
	}
	return box, nil
}

// Seal returns plaintext sealed for ref and name, in visible ASCII. The errors are those of a [Patch] for the name
// and the value, [ErrNoKeys] in a [FaultError], [ErrInvalidRef] and tenancy.ErrInvalidID.
func (b *Box) Seal(ref Ref, name string, plaintext []byte) (string, error) {
	if err := ref.check(); err != nil {
		return "", err
	}
	if err := checkValue(name, string(plaintext)); err != nil {
		return "", err
	}
	if b == nil {
		return "", &FaultError{Name: name, Err: ErrNoKeys}
	}
	return b.seal(ref, name, plaintext)
}

func (b *Box) seal(ref Ref, name string, plaintext []byte) (string, error) {
	sealed, err := b.byID[b.first].Encrypt(plaintext, associated(b.first, ref, name))
	if err != nil {
		return "", fmt.Errorf("seal a secret: %w", err)
	}
	return format + "." + b.first + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Reseal returns the secret that Seal sealed for the same ref and name, sealed with the first key. A secret that is
// sealed with the first key already is opened, to know that it can be, and returned unchanged. The errors are those of
// Open. The rules for new values are not applied: a secret that opens is resealed.
func (b *Box) Reseal(ref Ref, name, sealed string) (string, error) {
	secret, err := b.Open(ref, name, sealed)
	if err != nil {
		return "", err
	}
	if id, err := KeyID(sealed); err != nil || id == b.first {
		return sealed, err
	}
	return b.seal(ref, name, []byte(secret.Reveal()))
}

// Open returns the secret that Seal sealed for the same ref and name. The errors are [ErrNotSealed],
// [ErrNoKeys], [ErrUnknownKey], [ErrOpen], [ErrInvalidRef] and tenancy.ErrInvalidID.
func (b *Box) Open(ref Ref, name, sealed string) (secret.Text, error) {
	if err := ref.check(); err != nil {
		return secret.Text{}, err
	}
	id, ciphertext, err := parseSealed(sealed)
	if err != nil {
		return secret.Text{}, err
	}
	if b == nil {
		return secret.Text{}, ErrNoKeys
	}
	cipher, known := b.byID[id]
	if !known {
		return secret.Text{}, fmt.Errorf("%w: key id %s", ErrUnknownKey, id)
	}
	plaintext, err := cipher.Decrypt(ciphertext, associated(id, ref, name))
	if err != nil {
		return secret.Text{}, ErrOpen // the cause says no more than that
	}
	return secret.New(string(plaintext)), nil
}

func parseSealed(sealed string) (id string, ciphertext []byte, err error) {
	parts := strings.SplitN(sealed, ".", 3)
	if len(parts) != 3 || parts[0] != format || len(parts[2]) > maxSealed+1 {
		return "", nil, ErrNotSealed
	}
	if len(parts[1]) != 2*keyIDSize || strings.Trim(parts[1], "0123456789abcdef") != "" {
		return "", nil, ErrNotSealed
	}
	ciphertext, err = base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || strings.ContainsAny(parts[2], "\r\n") { // which the decoder skips
		return "", nil, ErrNotSealed
	}
	return parts[1], ciphertext, nil
}

// associated is what a sealed text is bound to. Each field has its length before it: without, ("ab", "c") and
// ("a", "bc") would be the same.
func associated(keyID string, ref Ref, name string) []byte {
	var data []byte
	for _, field := range [...]string{purpose, keyID, ref.Tenant.String(), ref.Connection.String(), ref.Channel, name} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(field)))
		data = append(data, field...)
	}
	return data
}
