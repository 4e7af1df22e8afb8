package slack

import (
	"errors"
	"fmt"
)

// The errors of Normalize, matched with [errors.Is]. They name a field, never its value. None of them goes away by
// sending the payload again.
var (
	// ErrMalformed is returned when the body is not JSON, or when it lacks what a message cannot be without: the type of
	// the event, its channel, or its ts.
	ErrMalformed = errors.New("slack: malformed payload")
	// ErrUnsupported is returned for JSON that is none of the payloads Slack posts to an events URL; it may be one of
	// Socket Mode.
	ErrUnsupported = errors.New("slack: not an Events API payload")
	// ErrNoWorkspace is returned when the payload does not say for which installation it was sent.
	ErrNoWorkspace = errors.New("slack: no installation in payload")
)

// PayloadError says which event could not be read. It wraps one of the errors above.
type PayloadError struct {
	EventID string // Slack's event_id; "" if the payload has none that can be logged
	Err     error
}

// Error implements error.
func (e *PayloadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *PayloadError) Unwrap() error { return e.Err }

func malformed(field string) error { return fmt.Errorf("%w: %s", ErrMalformed, field) }
