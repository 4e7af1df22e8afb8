// Package redact keeps secrets out of text: fmt, slog and encoding/json print [Mark] in their place.
//
//	type Verifier struct {
//		redact.Redacted
//
//		key []byte
//	}
//
// [Redacted] hides the fields of the struct that embeds it. [Value] also hides itself in unexported fields of other
// structs, where fmt calls no methods. The package imports nothing of this module.
package redact

import (
	"fmt"
	"io"
	"log/slog"
)

// Mark is printed in place of a secret.
const Mark = "[redacted]"

// Redacted makes a struct that embeds it print as [Mark].
type Redacted struct{}

// String implements [fmt.Stringer].
func (Redacted) String() string { return Mark }

// GoString implements [fmt.GoStringer].
func (Redacted) GoString() string { return Mark }

// Format implements [fmt.Formatter], because verbs such as %d do not call String.
func (Redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mark) }

// LogValue implements [slog.LogValuer].
func (Redacted) LogValue() slog.Value { return slog.StringValue(Mark) }

// MarshalText implements [encoding.TextMarshaler], which encoding/json uses.
func (Redacted) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// Value is a secret that only Reveal returns. The zero Value reveals the zero T.
type Value[T any] struct {
	Redacted

	// reveal closes over the secret, because reflection can read fields but not closures.
	reveal func() T
}

// Text is a secret string.
type Text = Value[string]

// New wraps value.
func New[T any](value T) Value[T] { return Value[T]{reveal: func() T { return value }} }

// Reveal returns the secret. Do not store or log it.
func (v Value[T]) Reveal() T {
	if v.reveal == nil {
		var zero T
		return zero
	}
	return v.reveal()
}
