package rediskey

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/konstruct/konstruct/tenancy"
)

// ErrEmptyPart means that a key's variable part is "". Hashing it would hide a caller's mistake, and all such
// callers would share one key.
var ErrEmptyPart = errors.New("rediskey: the variable part is empty")

// maxLiteral is how many bytes a part may have to stand in a key as it is.
const maxLiteral = 128

// Key is one Redis key of one tenant. It is made by the functions of this package only.
//
// The zero Key is no key: its String is "", which Redis would take, so a Key that came with an error must not be
// used; IsZero tells.
type Key struct{ s string }

// String returns the key as it is sent to Redis, or "" for the zero Key.
func (k Key) String() string { return k.s }

// IsZero reports whether k is no key.
func (k Key) IsZero() bool { return k.s == "" }

// RateLimit is the key under which the use of a channel is counted: <tenant>:ratelimit:<channel>. The error is
// [tenancy.ErrInvalidID] for the zero ID, and [ErrEmptyPart].
func RateLimit(tenant tenancy.ID, channel string) (Key, error) {
	return build(tenant, "ratelimit", channel)
}

// Dedup is the key that marks a message as seen: <tenant>:dedup:<message id>. Errors as for [RateLimit].
func Dedup(tenant tenancy.ID, messageID string) (Key, error) {
	return build(tenant, "dedup", messageID)
}

// Session is the key of a thread's working memory: <tenant>:session:<thread>. The thread is a message's ConversationKey,
// not its ThreadID, which repeats between conversations. Errors as for [RateLimit].
func Session(tenant tenancy.ID, thread string) (Key, error) {
	return build(tenant, "session", thread)
}

// Engaged is the key that marks a thread in which an agent takes part: <tenant>:engaged:<thread>, with the thread
// as for [Session]. Errors as for [RateLimit].
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

// encode returns part if it is harmless, else its mark and hash. Two parts never have one encoding.
func encode(part string) string {
	if literal(part) {
		return part
	}
	sum := sha256.Sum256([]byte(part))
	return "~" + hex.EncodeToString(sum[:])
}

func literal(part string) bool {
	if len(part) > maxLiteral {
		return false
	}
	for i := range len(part) {
		c := part[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
