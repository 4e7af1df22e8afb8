// Package mixin holds the parts that Konstruct's Ent schemas are made of, for this module's tables and for anybody
// else's:
//
//   - [ID]: a time-ordered UUID, made in Go.
//   - [Time]: created_at and updated_at, in UTC and microseconds.
//   - [Tenant]: the tenant_id of a tenant-scoped table, stamped on every create and demanded by every query.
//
// A tenant-scoped table is a schema with all three:
//
//	func (Note) Mixin() []ent.Mixin {
//		return []ent.Mixin{mixin.ID{}, mixin.Tenant{}, mixin.Time{}}
//	}
//
// Tenant needs methods on the generated queries and mutations: pass [Template] to the generator. A client that was
// generated without it refuses to query. A builder may be run more than once, under different tenants too. IDs, Exist,
// First and Only are exceptions: Ent implements them by changing the builder's fields or limit. Runs of one builder at the
// same time are a data race, as always with Ent.
//
// The mixin gives early, typed errors and good plans. It is not the boundary: HasXWith, Modify, Or, raw SQL and
// upserts pass it by. PostgreSQL's row-level security is the boundary, and package migrate writes it.
//
// The package imports tenancy, and nothing generated, so that code can be generated from an empty checkout.
package mixin
