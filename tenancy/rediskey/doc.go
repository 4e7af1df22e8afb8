// Package rediskey builds the platform's Redis keys. Redis knows no row-level security: the key is the boundary, so
// every key begins with its tenant, and there is no way to build one without.
//
//	key, err := rediskey.Dedup(tenant, m.ID)
//	client.Do(ctx, client.B().Set().Key(key.String()).Value("1").Nx().Build())
//
// A key is <tenant>:<kind>:<part>. The tenant is a UUID in canonical form. The kind is a word of this package. The
// part comes from outside (a message's id, a channel's name), and stands as it is when it matches
// [A-Za-z0-9._-]{1,128}. Any other part is replaced by "~" and the lower-case hex SHA-256 of its bytes, 65
// characters: "~" is no character of a literal part, so a hashed part can't meet a literal one, whatever either
// was chosen to be. No part thus holds a colon, a wildcard, a brace (Redis Cluster's hash tag) or a line's end.
//
// A further kind is one more function of the same form here; a test enumerates them. Nothing that belongs to the
// whole platform lives in Redis: it would need a key without a tenant.
//
// The package imports tenancy and nothing else of this module.
package rediskey
