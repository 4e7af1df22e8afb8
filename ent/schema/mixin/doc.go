// Package mixin holds the parts that Konstruct's Ent schemas are made of, for this module's tables and users'
// tables:
//
//   - [ID]: a time-ordered UUID, made in Go.
//   - [Time]: created_at and updated_at, in UTC and microseconds.
//   - [Tenant]: the tenant_id of a tenant-scoped table, set by every create and required by every query.
//
// A tenant-scoped table is a schema with all three:
//
//	func (Note) Mixin() []ent.Mixin {
//		return []ent.Mixin{mixin.ID{}, mixin.Tenant{}, mixin.Time{}}
//	}
//
// Tenant needs methods on the generated queries and mutations: pass [Template] to the generator. A client generated
// without it refuses to query. A builder may run more than once, also under different tenants, except for IDs, Exist,
// First and Only, for which Ent changes the builder's fields or limit. As always with Ent, a builder must not run
// concurrently.
//
// The mixin gives early, typed errors and good plans. It is not the boundary: HasXWith, Modify, Or, raw SQL and
// upserts bypass it. PostgreSQL's row-level security is the boundary, and package migrate writes it.
//
// The package imports tenancy, and nothing generated, so that code can be generated from an empty checkout.
package mixin
