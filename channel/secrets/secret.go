package secrets

import "log/slog"

// Redacted stands where a secret would be printed. It is refused as a value, so that what was printed can't be
// stored.
const Redacted = "[redacted]"

// Secret is a secret in the clear. Only Reveal shows it.
type Secret struct {
	// reveal closes over the plaintext: printing with reflection reads fields, but doesn't call functions.
	reveal func() string
}

func newSecret(plaintext []byte) Secret {
	text := string(plaintext)
	return Secret{reveal: func() string { return text }}
}

// Reveal returns the plaintext, "" for the zero Secret. Hand it to the channel's client and keep it nowhere.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String returns [Redacted].
func (Secret) String() string { return Redacted }

// GoString implements [fmt.GoStringer] as String does.
func (Secret) GoString() string { return Redacted }

// LogValue implements [slog.LogValuer] as String does.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler], and thereby JSON's, as String does.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
