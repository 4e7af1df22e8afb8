package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/konstruct/konstruct/redact"
)

// The headers of a signed request, each present exactly once.
const (
	SignatureHeader = "X-Slack-Signature"
	TimestampHeader = "X-Slack-Request-Timestamp"
)

// Tolerance is the maximum difference between a request's timestamp and our clock.
const Tolerance = 5 * time.Minute

const version = "v0"

// The errors of [NewVerifier] and [Verifier.Verify]. They contain nothing of the request. Send clients the same
// response for all errors of Verify.
var (
	// ErrEmptySecret is returned when the signing secret is empty or white space: anyone could sign with it.
	ErrEmptySecret = errors.New("slack: empty signing secret")
	// ErrNoClock is returned when the clock is nil.
	ErrNoClock = errors.New("slack: no clock")
	// ErrMissingHeader is returned when a header is absent or empty.
	ErrMissingHeader = errors.New("slack: missing signature header")
	// ErrDuplicateHeader is returned when a header is repeated: a proxy may have read the other one.
	ErrDuplicateHeader = errors.New("slack: duplicate signature header")
	// ErrMalformedTimestamp is returned when the timestamp is not 1 to 10 decimal digits.
	ErrMalformedTimestamp = errors.New("slack: malformed timestamp")
	// ErrStale is returned when the timestamp differs from our clock by more than [Tolerance].
	ErrStale = errors.New("slack: timestamp too far from the current time")
	// ErrVersion is returned when the signature's version is not v0.
	ErrVersion = errors.New("slack: unknown signature version")
	// ErrSignature is returned when the signature is malformed or does not match the body.
	ErrSignature = errors.New("slack: wrong signature")
)

// Verifier verifies requests of one Slack app
// (https://docs.slack.dev/authentication/verifying-requests-from-slack/, version v0). It is safe for concurrent use.
type Verifier struct {
	redact.Redacted

	// newMAC closes over the secret: fmt prints fields, but not what a function captures.
	newMAC func() hash.Hash
	now    func() time.Time
}

// NewVerifier returns a verifier for the signing secret of an app, with now as its clock. The errors are
// [ErrEmptySecret] and [ErrNoClock].
func NewVerifier(signingSecret string, now func() time.Time) (*Verifier, error) {
	if strings.TrimSpace(signingSecret) == "" {
		return nil, ErrEmptySecret
	}
	if now == nil {
		return nil, ErrNoClock
	}
	key := []byte(signingSecret)
	return &Verifier{newMAC: func() hash.Hash { return hmac.New(sha256.New, key) }, now: now}, nil
}

// Verify returns nil if Slack signed body, the raw bytes received, within [Tolerance] of now. A valid request may be a
// repetition: deduplicate messages by ID.
func (v *Verifier) Verify(header http.Header, body []byte) error {
	timestamp, err := single(header, TimestampHeader)
	if err != nil {
		return err
	}
	signature, err := single(header, SignatureHeader)
	if err != nil {
		return err
	}
	if err := v.checkTime(timestamp); err != nil {
		return err
	}
	claimed, err := parseSignature(signature)
	if err != nil {
		return err
	}
	if !hmac.Equal(claimed, v.sum(timestamp, body)) {
		return ErrSignature
	}
	return nil
}

// Sign returns the [SignatureHeader] of a body whose [TimestampHeader] is at, for tests and demos.
func (v *Verifier) Sign(at time.Time, body []byte) string {
	return version + "=" + hex.EncodeToString(v.sum(strconv.FormatInt(at.Unix(), 10), body))
}

// sum takes the timestamp as text, which is what Slack signs.
func (v *Verifier) sum(timestamp string, body []byte) []byte {
	mac := v.newMAC()
	mac.Write([]byte(version + ":" + timestamp + ":")) // never fails
	mac.Write(body)
	return mac.Sum(nil)
}

func (v *Verifier) checkTime(timestamp string) error {
	seconds, ok := digits(timestamp)
	if !ok || len(timestamp) > secondDigits {
		return ErrMalformedTimestamp
	}
	if v.now().Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return ErrStale
	}
	return nil
}

func single(header http.Header, name string) (string, error) {
	values := header.Values(name)
	switch {
	case len(values) > 1:
		return "", ErrDuplicateHeader
	case len(values) == 0 || values[0] == "":
		return "", ErrMissingHeader
	}
	return values[0], nil
}

func parseSignature(signature string) ([]byte, error) {
	digest, found := strings.CutPrefix(signature, version+"=")
	if !found {
		return nil, ErrVersion
	}
	claimed, err := hex.DecodeString(digest)
	if err != nil || len(claimed) != sha256.Size {
		return nil, ErrSignature
	}
	return claimed, nil
}
