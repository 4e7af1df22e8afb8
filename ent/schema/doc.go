// Package schema holds the Ent schemas: one file a table. The client in package ent is generated from them
// (task generate), and so is the DDL (task migrate:diff). What Ent cannot express, row-level security, grants and
// composite foreign keys, is added by package migrate when it plans a migration.
//
// Tenant-scoped tables use [mixin.Tenant]; every other table is platform-wide and has to be listed as such, with its
// reason, in migrate.Spec.
package schema
