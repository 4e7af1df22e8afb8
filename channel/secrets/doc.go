// Package secrets seals the secrets of channel connections (a bot's token, a signing secret) before they reach SQL.
//
// A connection's row keeps, by name, sealed texts; the names are in the clear, so that a list of them needs no key.
// What a client may do to them is a [Patch]:
//
//	box, err := secrets.NewBox(keys)                                  // at start-up
//	ref := secrets.Ref{Tenant: id, Connection: row.ID, Channel: "slack"}
//	stored, err := box.Apply(ref, row.Secrets, patch)                 // create, update
//	names := secrets.Names(stored)                                    // all that an answer may show
//	token, err := box.Open(ref, "bot_token", stored["bot_token"])     // use: token.Reveal()
//
// # What a sealed text is
//
//	ks1.<key id>.<ciphertext>
//
// The ciphertext is Tink's AES-256-GCM with a random nonce, in base64url without padding. The key id is 16 hex digits
// derived from the key one way; it says which of the configured keys opens it. The associated data binds the key
// id, the tenant, the connection, the channel type and the secret's name, each with its length before it, so that a
// sealed text which is copied to another row, or to another name in the same row, doesn't open.
//
// # Rotation
//
// The first key seals, all keys open. To rotate, put the new key first and reseal what is stored ([Box.Reseal]; package
// channel/rotation does so for every tenant). A key may be dropped when no stored text names it any more ([KeyID],
// [Box.KeyIDs]); a text whose key is missing fails with [ErrUnknownKey].
//
// # What is never printed
//
// Plaintext is held by [secret.Text] and [Patch] only, and neither shows it to fmt, slog or encoding/json. No error of
// this package repeats a value, nor a name that doesn't have the form of one.
//
// The package imports tenancy and nothing else of this module.
package secrets
