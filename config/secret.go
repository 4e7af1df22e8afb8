package config

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// redacted stands where a value would be printed.
const redacted = "[redacted]"

// masked makes the type that embeds it print as [redacted], whatever prints it.
type masked struct{}

// String implements [fmt.Stringer].
func (masked) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (masked) GoString() string { return redacted }

// Format implements [fmt.Formatter], so that no verb gets past String.
func (masked) Format(f fmt.State, _ rune) { writeTo(f, redacted) }

// LogValue implements [slog.LogValuer].
func (masked) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and with it JSON and most other encodings.
func (masked) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// hidden holds a value inside a function. fmt calls no methods on what lies in unexported fields of other structs: it
// would print a plain value there, and for some verbs it follows pointers. Of a function it prints the address.
type hidden[T any] func() T

func hide[T any](value T) hidden[T] { return func() T { return value } }

// get answers the value, or T's zero value where nothing was hidden.
func (h hidden[T]) get() T {
	if h == nil {
		var zero T

		return zero
	}

	return h()
}

// A Secret is a value that prints as [redacted] everywhere. Its zero value is the unset secret.
type Secret struct {
	masked

	value hidden[string]
}

// NewSecret wraps value.
func NewSecret(value string) Secret { return Secret{value: hide(value)} }

// Reveal answers the value itself, "" when unset.
func (s Secret) Reveal() string { return s.value.get() }

// IsSet tells whether there is a value that is not empty.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// UnmarshalText implements [encoding.TextUnmarshaler]. It refuses white space around the value and the redaction mark,
// both of which are accidents of copying.
func (s *Secret) UnmarshalText(text []byte) error {
	value := string(text)
	if strings.TrimSpace(value) != value {
		return problem("has white space around it")
	}
	if value == redacted {
		return problem("is a redaction mark, not a value")
	}
	s.value = hide(value)

	return nil
}

// keyBytes is the length of one sealing key (AES-256).
const keyBytes = 32

// SecretsKeys are the keys under which secrets of channel connections are sealed: the first seals, all open.
// They print as a [Secret] does. The zero value holds no key.
type SecretsKeys struct {
	masked

	keys hidden[[][]byte]
}

// Reveal answers copies of the keys, 32 bytes each, the sealing key first; nil when unset.
func (k SecretsKeys) Reveal() [][]byte {
	keys := slices.Clone(k.keys.get())
	for i, key := range keys {
		keys[i] = slices.Clone(key)
	}

	return keys
}

// IsSet tells whether there is a key.
func (k SecretsKeys) IsSet() bool { return k.keys != nil }

// UnmarshalText implements [encoding.TextUnmarshaler]: standard base64, separated by commas.
func (k *SecretsKeys) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), ",")
	keys := make([][]byte, 0, len(parts))
	for _, part := range parts {
		key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != keyBytes {
			return problem("must be base64 of exactly 32 bytes, or several such keys with commas between them")
		}
		if slices.ContainsFunc(keys, func(other []byte) bool { return slices.Equal(other, key) }) {
			return problem("names one key twice")
		}
		keys = append(keys, key)
	}
	k.keys = hide(keys)

	return nil
}

func (k SecretsKeys) hasExample() bool {
	return slices.ContainsFunc(k.Reveal(), func(key []byte) bool { return isExample(string(key)) })
}

func writeTo(w io.Writer, text string) {
	_, _ = io.WriteString(w, text)
}
