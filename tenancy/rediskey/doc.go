// Package rediskey builds Redis keys. Redis has no row-level security, so isolation depends on the key: every key
// starts with its tenant, and the package builds no other.
//
//	key, err := rediskey.Dedup(tenant, m.ID)
//	client.Do(ctx, client.B().Set().Key(key.String()).Value("1").Nx().Build())
//
// A key is <tenant>:<kind>:<part>. The tenant is a UUID in canonical form and the kind a constant of this package. The
// part is external (a message's id, a channel's name). It is used unchanged if it matches [A-Za-z0-9._-]{1,128}, and
// otherwise replaced by "~" and the lower-case hex SHA-256 of its bytes. "~" does not occur in unchanged parts, so the
// two forms can't collide, and no part contains a colon, a wildcard, a brace (Redis Cluster's hash tag) or a newline.
//
// A new kind is another function of the same form, which a test lists. Data without a tenant must not be in Redis.
//
// The package imports tenancy and nothing else of this module.
package rediskey
