package message

import "errors"

// The errors of message, matched with [errors.Is]. None of them repeats a value of the message.
var (
	// ErrInvalid is returned when a message breaks a rule of its shape (a part that is missing, too long or has
	// characters it cannot have), and for JSON that is not a message.
	ErrInvalid = errors.New("message: invalid")
	// ErrUnknownVersion is returned for JSON of a version that this package does not read. It was written by a newer
	// release; upgrade the reader.
	ErrUnknownVersion = errors.New("message: unknown version")
	// ErrUnexpectedTenant is returned when JSON read as an unresolved message names a tenant. A tenant comes only from
	// resolving the workspace.
	ErrUnexpectedTenant = errors.New("message: an unresolved message cannot name a tenant")
	// ErrUnknownChannelType is returned for a channel type that is none of [ChannelTypes].
	ErrUnknownChannelType = errors.New("message: unknown channel type")
)
