// Package message defines the one form of messages from all channels.
//
// A channel's normalizer, such as channel/slack, turns a webhook's body into a [KonstructMessage]. It has no tenant,
// since a body names a workspace, never a tenant. [KonstructMessage.Resolve] turns it into a [ResolvedMessage]. Code
// that needs a tenant takes a ResolvedMessage, so the compiler checks that the workspace was resolved:
//
//	resolved, err := m.Resolve(id)    // id by (m.ChannelType, m.ChannelMetadata.WorkspaceID)
//	ctx = tenancy.With(ctx, resolved.TenantID())
//
// The JSON is a versioned contract with other services: docs/message.md describes it and testdata/*.golden.json fixes
// it. Texts, names and links are personal data: fmt and slog print ids and sizes only.
//
// The package imports only tenancy.
package message
