// Package mixin has mixins for Ent schemas:
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
// Tenant needs generated methods: pass [Template] to the generator. A client without them refuses to query. A builder
// may run more than once, also for different tenants, except for IDs, Exist, First and Only, where Ent changes the
// builder's fields or limit. As always with Ent, a builder must not run concurrently.
//
// The mixin gives early, typed errors and good plans. It is not the boundary: HasXWith, Modify, Or, raw SQL and upserts
// bypass it. The boundary is PostgreSQL's row-level security, which package migrate writes.
//
// The package imports no generated code, so that code can be generated from an empty checkout.
package mixin
