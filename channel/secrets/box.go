package secrets

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/konstruct/konstruct/redact"
	"github.com/konstruct/konstruct/tenancy"
)

const (
	// MaxValue is the maximum length of a secret, in bytes.
	MaxValue = 16 << 10

	format  = "ks1"
	purpose = "konstruct channel secret, ks1"
	// maxSealed is the length in base64 of nonce, longest value and tag.
	maxSealed = (subtle.AESGCMIVSize + MaxValue + subtle.AESGCMTagSize) * 4 / 3
)

// Ref identifies the connection that a secret belongs to. All fields are required.
type Ref struct {
	Tenant     tenancy.ID
	Connection uuid.UUID
	// Channel is the value of the connection's channel_type.
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

// Box seals and opens secrets. It is safe for concurrent use. A nil Box has no keys: Seal and Open return [ErrNoKeys],
// but Apply still removes secrets.
type Box struct {
	redact.Redacted

	ids  []string // in configured order; the first key seals
	byID map[string]tink.AEAD
}

// NewBox returns a box that seals with the first key and opens with all. The errors are [ErrNoKeys], [ErrKey] and
// [ErrDuplicateKey].
func NewBox(keys [][]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	box := &Box{byID: map[string]tink.AEAD{}}
	for i, key := range keys {
		if len(key) != KeySize { // NewAESGCM accepts 16 bytes, for AES-128
			return nil, fmt.Errorf("%w: number %d", ErrKey, i+1)
		}
		cipher, err := subtle.NewAESGCM(key)
		if err != nil {
			return nil, fmt.Errorf("%w: number %d", ErrKey, i+1)
		}
		id := keyID(key)
		if box.byID[id] != nil {
			return nil, fmt.Errorf("%w: number %d", ErrDuplicateKey, i+1)
		}
		box.ids = append(box.ids, id)
		box.byID[id] = cipher
	}
	return box, nil
}

// Seal returns plaintext sealed for ref and name, in visible ASCII. The errors are [FaultError], [ErrInvalidRef] and
// tenancy.ErrInvalidID.
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
	id := b.ids[0]
	sealed, err := b.byID[id].Encrypt(plaintext, associated(id, ref, name))
	if err != nil {
		return "", fmt.Errorf("secrets: encrypt: %w", err)
	}
	return format + "." + id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Reseal returns the secret sealed with the first key. A text that already is, and opens, is returned unchanged. The
// rules for new values are not applied, so secrets from before a rule are resealed, too. The errors are those of Open.
func (b *Box) Reseal(ref Ref, name, sealed string) (string, error) {
	opened, err := b.Open(ref, name, sealed)
	if err != nil {
		return "", err
	}
	if id, err := KeyID(sealed); err != nil || id == b.ids[0] {
		return sealed, err
	}
	return b.seal(ref, name, []byte(opened.Reveal()))
}

// Open returns the secret that was sealed for the same ref and name. The errors are [ErrNotSealed], [ErrNoKeys],
// [ErrUnknownKey], [ErrOpen], [ErrInvalidRef] and tenancy.ErrInvalidID.
func (b *Box) Open(ref Ref, name, sealed string) (redact.Text, error) {
	if err := ref.check(); err != nil {
		return redact.Text{}, err
	}
	id, ciphertext, err := parseSealed(sealed)
	if err != nil {
		return redact.Text{}, err
	}
	if b == nil {
		return redact.Text{}, ErrNoKeys
	}
	cipher, known := b.byID[id]
	if !known {
		return redact.Text{}, fmt.Errorf("%w: key id %s", ErrUnknownKey, id)
	}
	plaintext, err := cipher.Decrypt(ciphertext, associated(id, ref, name))
	if err != nil {
		return redact.Text{}, ErrOpen // the cause adds nothing
	}
	return redact.New(string(plaintext)), nil
}

func parseSealed(sealed string) (id string, ciphertext []byte, err error) {
	parts := strings.SplitN(sealed, ".", 3)
	if len(parts) != 3 || parts[0] != format || len(parts[2]) > maxSealed+1 ||
		len(parts[1]) != 2*keyIDSize || strings.Trim(parts[1], "0123456789abcdef") != "" {
		return "", nil, ErrNotSealed
	}
	ciphertext, err = base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || strings.ContainsAny(parts[2], "\r\n") { // the decoder skips line breaks
		return "", nil, ErrNotSealed
	}
	return parts[1], ciphertext, nil
}

// associated returns the associated data of a sealed text. Lengths keep ("ab", "c") and ("a", "bc") apart.
func associated(keyID string, ref Ref, name string) []byte {
	var data []byte
	for _, field := range [...]string{purpose, keyID, ref.Tenant.String(), ref.Connection.String(), ref.Channel, name} {
		data = binary.BigEndian.AppendUint64(data, uint64(len(field)))
		data = append(data, field...)
	}
	return data
}
