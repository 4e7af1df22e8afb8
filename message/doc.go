// Package message holds the one shape in which a message from any channel travels through Konstruct.
//
// A channel's normaliser (message/slack is the first) turns a webhook's body into a [KonstructMessage]. It has no
// tenant: a body can name a workspace, never a tenant. Whoever has looked the workspace up calls
// [KonstructMessage.Resolve], and from there on a [ResolvedMessage] travels. Code that needs a tenant takes a
// ResolvedMessage, so the compiler asks whether the look-up was done:
//
//	m, err := …                    // a normaliser's result
//	id, err := …                   // (m.ChannelType, m.ChannelMetadata.WorkspaceID) → tenant
//	resolved, err := m.Resolve(id)
//	ctx = tenancy.With(ctx, resolved.TenantID())
//
// The JSON form is a contract with other services: docs/message.md describes it and testdata/*.golden.json fixes it.
// Texts, names and links are personal data: String, GoString and LogValue print ids and sizes, nothing else.
//
// The package imports tenancy and nothing else of this module.
package message
