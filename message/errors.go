package message

import "errors"

// The errors of message, matched with [errors.Is]. None of them repeats a value of the message.
var (
	// ErrInvalid means that a message breaks a rule of its shape: a part that is missing, too long, or made of
	// characters that it can't have; or JSON that is no message at all.
	ErrInvalid = errors.New("message: invalid")
	// ErrUnexpectedTenant means that JSON read as an unresolved message names a tenant. A tenant comes from the
	// look-up of the workspace and from nowhere else.
	ErrUnexpectedTenant = errors.New("message: an unresolved message can't name a tenant")
	// ErrUnknownChannelType means that a channel type is none of [ChannelTypes].
	ErrUnknownChannelType = errors.New("message: unknown channel type")
)
