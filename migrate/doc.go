// Package migrate brings a database to the schema that this binary was built for, and plans the next step.
//
// Three things come one after the other:
//
//   - [Bootstrap], once a database, as a superuser: the roles, who owns what, and what PUBLIC loses (bootstrap.sql).
//   - [Up], as konstruct_owner: the versioned files in migrations/, each in a transaction of its own together with its
//     row in the revision table. As a superuser, Up bootstraps first and goes on as the owner. It only goes forward.
//   - [Diff], on a developer's machine: writes the next file from the Ent schema. Ent cannot express row-level security
//     and Atlas cannot see it, so Diff writes the protection of every new tenant table into the same file.
//
// [Status] and [Check] look without touching; [Current] answers a server's readiness probe as konstruct_app.
//
// A project with tables of its own keeps its files in a folder of its own, and applies them after Konstruct's, with
// another [Source]. [Spec] is the one place that says which tables belong to no tenant, and why.
//
// The package is the only one that imports Atlas. It imports tenancy/doctor for the spec's type, and the Ent mixin
// for the tenant column's name; it must not import server, channel, config, local or cmd.
package migrate
