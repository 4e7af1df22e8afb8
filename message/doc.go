// Package message holds the one shape in which a message from any channel travels through Konstruct.
//
// A channel's normalizer, such as channel/slack, turns a webhook's body into a [KonstructMessage]. It has no tenant:
// a body can name a workspace, never a tenant. Once the workspace is resolved, [KonstructMessage.Resolve] makes it a
// [ResolvedMessage]. Code that needs a tenant takes a ResolvedMessage, so the compiler checks that the workspace was
// resolved:
//
//	m, err := …                    // a normalizer's result
//	id, err := …                   // (m.ChannelType, m.ChannelMetadata.WorkspaceID) → tenant
//	resolved, err := m.Resolve(id)
//	ctx = tenancy.With(ctx, resolved.TenantID())
//
// The JSON form is a versioned contract with other services: docs/message.md describes it and testdata/*.golden.json
// fixes it. Texts, names and links are personal data: String, GoString and LogValue print ids and sizes only.
//
// The package imports tenancy and nothing else of this module.
package message
