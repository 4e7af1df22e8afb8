package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers that a signed request carries, each exactly once.
const (
	SignatureHeader = "X-Slack-Signature"
	TimestampHeader = "X-Slack-Request-Timestamp"
)

// Tolerance is how far a request's timestamp may be from our clock, in either direction.
const Tolerance = 5 * time.Minute

const (
	version = "v0"
	// maxDigits bounds a timestamp: seconds since 1970, ten digits until the year 2286.
	maxDigits = 10
)

// The errors of this package, matched with [errors.Is]. They are for logs and counters, and repeat nothing of the
// request; answer all of Verify's alike.
var (
	// ErrEmptySecret is returned for an empty signing secret, which anyone could sign with.
	ErrEmptySecret = errors.New("slack: the signing secret is empty")
	// ErrNoClock is returned for a nil clock.
	ErrNoClock = errors.New("slack: no clock")
	// ErrMissingHeader is returned when a header is absent or empty.
	ErrMissingHeader = errors.New("slack: a signature header is missing")
	// ErrDuplicateHeader is returned when a header is repeated: a proxy and we might read different ones.
	ErrDuplicateHeader = errors.New("slack: a signature header is repeated")
	// ErrMalformedTimestamp is returned when the timestamp is not 1 to 10 decimal digits.
	ErrMalformedTimestamp = errors.New("slack: malformed timestamp")
	// ErrStale is returned when the timestamp is more than [Tolerance] away, in either direction.
	ErrStale = errors.New("slack: timestamp out of tolerance")
	// ErrVersion is returned when the signature's version is not v0.
	ErrVersion = errors.New("slack: unknown signature version")
	// ErrSignature is returned when the signature is malformed or not the body's.
	ErrSignature = errors.New("slack: wrong signature")
)

// Verifier verifies the requests of one Slack app. It is safe for concurrent use.
type Verifier struct {
	// newMAC closes over the secret, since fmt cannot print into a function.
	newMAC func() hash.Hash
	now    func() time.Time
}

// NewVerifier returns a verifier for the app's signing secret, with now as its clock. The errors are
// [ErrEmptySecret], for white space as well, and [ErrNoClock].
func NewVerifier(secret string, now func() time.Time) (*Verifier, error) {
	if strings.TrimSpace(secret) == "" {
		return nil, ErrEmptySecret
	}
	if now == nil {
		return nil, ErrNoClock
	}
	key := []byte(secret)
	return &Verifier{newMAC: func() hash.Hash { return hmac.New(sha256.New, key) }, now: now}, nil
}

// Verify returns nil if Slack signed body, as it was received, within [Tolerance] of now.
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

// Sign returns the value of [SignatureHeader] for a body sent at the time at, which goes into [TimestampHeader] as
// seconds since 1970. It is for tests, and for the command lines that a demo prints.
func (v *Verifier) Sign(at time.Time, body []byte) string {
	return version + "=" + hex.EncodeToString(v.sum(strconv.FormatInt(at.Unix(), 10), body))
}

// sum takes the timestamp as text: Slack signs the text, not the number.
func (v *Verifier) sum(timestamp string, body []byte) []byte {
	mac := v.newMAC()
	mac.Write([]byte(version + ":" + timestamp + ":")) // a hash's Write never fails
	mac.Write(body)
	return mac.Sum(nil)
}

func (v *Verifier) checkTime(timestamp string) error {
	if len(timestamp) > maxDigits || strings.Trim(timestamp, "0123456789") != "" {
		return ErrMalformedTimestamp
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
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

// String names the type; the secret is never printed.
func (v *Verifier) String() string { return "slack.Verifier([redacted])" }

// GoString implements [fmt.GoStringer] as String does.
func (v *Verifier) GoString() string { return v.String() }

// LogValue implements [slog.LogValuer] as String does.
func (v *Verifier) LogValue() slog.Value { return slog.StringValue(v.String()) }
