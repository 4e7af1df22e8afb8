package rediskey

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
)

// ErrEmptyPart is returned when a key's variable part is empty. All such keys of a tenant would be equal.
var ErrEmptyPart = errors.New("rediskey: the variable part is empty")

// maxLiteral is the maximum length of an unhashed part in bytes.
const maxLiteral = 128

// Key is a Redis key of one tenant, built by the functions of this package.
//
// The zero Key is invalid: its String is "", which Redis would accept. Functions return it with an error.
type Key struct{ s string }

// String returns the key as sent to Redis, or "" for the zero Key.
func (k Key) String() string { return k.s }

// IsZero reports whether k is invalid.
func (k Key) IsZero() bool { return k.s == "" }

// RateLimit returns the key of a channel's usage counter: <tenant>:ratelimit:<channel>. It returns
// [tenancy.ErrInvalidID] for the zero ID and [ErrEmptyPart] for an empty channel.
func RateLimit(tenant tenancy.ID, channel string) (Key, error) {
	return build(tenant, "ratelimit", channel)
}

// Dedup returns the key that marks a message as seen: <tenant>:dedup:<message id>. Errors are as for [RateLimit].
func Dedup(tenant tenancy.ID, messageID string) (Key, error) {
	return build(tenant, "dedup", messageID)
}

// Session returns the key of a thread's working memory: <tenant>:session:<thread>. The thread is a message's
// ConversationKey, since its ThreadID is not unique across conversations. Errors are as for [RateLimit].
func Session(tenant tenancy.ID, thread string) (Key, error) {
	return build(tenant, "session", thread)
}

// Engaged returns the key that marks a thread with a participating agent: <tenant>:engaged:<thread>, with the thread
// and errors as for [Session].
func Engaged(tenant tenancy.ID, thread string) (Key, error) {
	return build(tenant, "engaged", thread)
}

func build(tenant tenancy.ID, kind, part string) (Key, error) {
	if tenant.IsZero() {
		return Key{}, fmt.Errorf("rediskey: %s: %w", kind, tenancy.ErrInvalidID)
	}
	if part == "" {
		return Key{}, fmt.Errorf("%w: %s", ErrEmptyPart, kind)
	}
	return Key{s: tenant.String() + ":" + kind + ":" + encode(part)}, nil
}

// encode returns part if it is literal, else "~" and its hash. Encodings of different parts differ.
func encode(part string) string {
	if literal(part) {
		return part
	}
	sum := sha256.Sum256([]byte(part))
	return "~" + hex.EncodeToString(sum[:])
}

func literal(part string) bool {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
	return len(part) <= maxLiteral && strings.Trim(part, alphabet) == ""
}
