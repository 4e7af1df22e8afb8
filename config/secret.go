package config

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/redact"
)

// A Secret is a secret text. The zero value is unset.
type Secret struct {
	redact.Text
}

// IsSet reports whether there is a non-empty value.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// UnmarshalText implements [encoding.TextUnmarshaler]. It rejects surrounding white space and [redact.Mark], which are
// mistakes made in copying.
func (s *Secret) UnmarshalText(text []byte) error {
	value := string(text)
	if strings.TrimSpace(value) != value {
		return problem("has surrounding white space")
	}
	if value == redact.Mark {
		return problem("is a redaction mark instead of a value")
	}
	s.Text = redact.New(value)

	return nil
}

// keyBytes is the length of one sealing key (AES-256).
const keyBytes = 32

// SecretsKeys are the keys for the secrets of channel connections: the first seals, all open. The zero value is unset.
type SecretsKeys struct {
	redact.Redacted

	keys redact.Value[[][]byte]
}

// Reveal returns copies of the keys, 32 bytes each, the sealing key first; nil when unset.
func (k SecretsKeys) Reveal() [][]byte {
	keys := slices.Clone(k.keys.Reveal())
	for i, key := range keys {
		keys[i] = slices.Clone(key)
	}

	return keys
}

// IsSet reports whether there is a key.
func (k SecretsKeys) IsSet() bool { return len(k.keys.Reveal()) > 0 }

// UnmarshalText implements [encoding.TextUnmarshaler]: standard base64, separated by commas.
func (k *SecretsKeys) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), ",")
	keys := make([][]byte, 0, len(parts))
	for _, part := range parts {
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != keyBytes {
			return problem("must be base64 of exactly 32 bytes, or several such keys separated by commas")
		}
		if slices.ContainsFunc(keys, func(other []byte) bool { return slices.Equal(other, key) }) {
			return problem("contains the same key twice")
		}
		keys = append(keys, key)
	}
	k.keys = redact.New(keys)

	return nil
}

func (k SecretsKeys) hasExample() bool {
	return slices.ContainsFunc(k.Reveal(), func(key []byte) bool { return isExample(string(key)) })
}

// shown makes a struct that embeds it print as this text, which contains no secrets.
type shown string

// String implements [fmt.Stringer].
func (s shown) String() string { return string(s) }

// GoString implements [fmt.GoStringer].
func (s shown) GoString() string { return string(s) }

// Format implements [fmt.Formatter], because verbs such as %d do not call String.
func (s shown) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, string(s)) }

// LogValue implements [slog.LogValuer].
func (s shown) LogValue() slog.Value { return slog.StringValue(string(s)) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json uses.
func (s shown) MarshalText() ([]byte, error) { return []byte(s), nil }
