// Package returning runs Ent's creates and updates in one round trip instead of up to four: RETURNING replaces the
// second statement, and one statement needs no transaction.
//
// [CreateNode], [BatchCreate] and [UpdateNode] replace the functions of these names in Ent's sqlgraph. The generator
// (tools/entgen) calls them from the clients; builders, hooks, validators and errors stay Ent's. sqlgraph runs what
// takes several statements, such as an edge in another table, in its transaction.
//
// The returned node has the values of the row, after column defaults and BEFORE triggers, except an id that the client
// set. Nodes of CreateBulk have the values that were set, as with Ent, and the ids. A create needs SELECT on the
// columns that it returns.
//
// All columns are returned, even those that the client set: a trigger may change them, and PostgreSQL normalizes jsonb,
// numbers and times. This takes 3 of the 36 µs of server time of an INSERT under row-level security.
//
// A single statement commits on its own. If a returned column does not fit its field, the error comes after the row was
// written, unless the caller has a transaction.
package returning
