// Package secrets seals the secrets of channel connections, such as a bot's token, before they reach SQL.
//
// A connection's row holds sealed texts by name. The names are stored in plaintext, so listing them needs no key. A
// client changes secrets with a [Patch]:
//
//	box, err := secrets.NewBox(keys)
//	ref := secrets.Ref{Tenant: id, Connection: row.ID, Channel: "slack"}
//	stored, err := box.Apply(ref, row.Secrets, patch)
//	names := secrets.Names(stored)                                    // all that a response may contain
//	token, err := box.Open(ref, "bot_token", stored["bot_token"])     // token.Reveal()
//
// # Format
//
//	ks1.<key id>.<ciphertext>
//
// The ciphertext is Tink's AES-256-GCM with a random nonce, in base64url without padding. The key id is 16 hex digits
// of a hash of the key, and selects the key that opens the text. The associated data binds key id, tenant, connection,
// channel type and name, each preceded by its length, so a sealed text copied to another row or name does not open.
//
// # Rotation
//
// The first key seals; all keys open. To rotate, put the new key first and reseal what is stored ([Box.Reseal], or
// package channel/rotation for all tenants). A key can be removed once no stored text has its id ([KeyID],
// [Box.KeyIDs]).
//
// # Redaction
//
// Plaintext is held only by [secret.Text] and [Patch], which fmt, slog and encoding/json print redacted. Errors never
// contain a value, nor an invalid name, which may be a misplaced secret.
//
// The package imports only tenancy and secret.
package secrets
