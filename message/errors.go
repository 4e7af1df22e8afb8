package message

import "errors"

// The errors of package message. They contain no value of the message.
var (
	// ErrInvalid is returned when a field is missing, too long or has invalid characters, and for JSON that is not a
	// message.
	ErrInvalid = errors.New("message: invalid")
	// ErrUnknownVersion is returned for JSON written by a newer release. Upgrade the reader.
	ErrUnknownVersion = errors.New("message: unknown version")
	// ErrUnexpectedTenant is returned when an unresolved message's JSON has a tenant.
	ErrUnexpectedTenant = errors.New("message: unresolved message with a tenant")
	// ErrUnknownChannelType is returned for any other text than a [ChannelType].
	ErrUnknownChannelType = errors.New("message: unknown channel type")
)
