package slack

import "errors"

// The errors of Normalize, matched with [errors.Is]. They name a field, never its value.
var (
	// ErrMalformed means that the body is not JSON, or that a field which Slack always sends is missing or has a
	// form that Slack doesn't write.
	ErrMalformed = errors.New("slack: malformed payload")
	// ErrUnsupported means that the body is JSON but none of the payloads that Slack posts to an events URL; it may be
	// one of Socket Mode.
	ErrUnsupported = errors.New("slack: not an Events API payload")
	// ErrNoWorkspace means that the payload doesn't say for which installation it was sent.
	ErrNoWorkspace = errors.New("slack: the payload names no installation")
)
