// Package migrate brings a database to the schema of this binary and plans the next migration.
//
//   - [Bootstrap] runs once per database, as a superuser: roles, owners, and revokes from PUBLIC (bootstrap.sql).
//   - [Up] runs as konstruct_owner and applies the files in migrations/, each in one transaction with its revision. As
//     a superuser it bootstraps first. There are no down migrations.
//   - [Diff] runs on a developer's machine and writes the next file from the Ent schema. Ent cannot express row-level
//     security and Atlas ignores it, so Diff adds the protection of new tenant-scoped tables to the same file.
//
// [Status] and [Check] change nothing. [Current] serves the readiness probe as konstruct_app.
//
// A project with its own tables keeps its files in another folder and applies them after Konstruct's, as a second
// [Chain]. [Spec] lists the tables without a tenant, with reasons.
//
// Only this package imports Atlas. It imports tenancy/doctor for [Spec] and snapshots, and the Ent mixin for the tenant
// column's name. It must not import server, channel, config, local or cmd.
package migrate
