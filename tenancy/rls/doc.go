// Package rls defines the protection of a tenant-scoped table once, for the driver that sets the tenant, the mixin that
// adds the column, the planner that writes the policies, the doctor that checks them, and the kit that attacks them.
//
// A tenant-scoped table has forced row-level security, a permissive policy ([IsolationPolicy]) and a restrictive one
// ([FloorPolicy]), both with [Condition]. A transaction's tenant is in [Setting].
//
// The doctor compares with what PostgreSQL prints for these expressions, which it spells out independently.
package rls
