// Package schema holds the Ent schemas, one file per table. The client in package ent (task generate) and the DDL (task
// migrate:diff) are generated from them. Package migrate adds what Ent cannot express: row-level security, grants and
// composite foreign keys.
//
// Tenant-scoped tables use [mixin.Tenant]. Every other table is platform-wide and must be listed, with its reason, in
// migrate.Spec.
package schema
