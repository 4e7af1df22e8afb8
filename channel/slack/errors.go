package slack

import (
	"errors"
	"fmt"
)

// The errors of [Normalize]. They name a field, never its value. A retry does not help.
var (
	// ErrMalformed is returned when the body is not JSON, or lacks a required field: the event's type, channel or ts.
	ErrMalformed = errors.New("slack: malformed payload")
	// ErrUnsupported is returned for JSON that Slack does not post to an events URL, such as Socket Mode's.
	ErrUnsupported = errors.New("slack: not an Events API payload")
	// ErrNoWorkspace is returned when the payload does not name the installation it was sent for.
	ErrNoWorkspace = errors.New("slack: no installation in payload")
)

// PayloadError is an error of [Normalize] with the event's id.
type PayloadError struct {
	EventID string // Slack's event_id; empty if absent or malformed
	Err     error
}

// Error implements error.
func (e *PayloadError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *PayloadError) Unwrap() error { return e.Err }

func malformed(field string) error { return fmt.Errorf("%w: %s", ErrMalformed, field) }
