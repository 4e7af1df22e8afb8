package attack

import (
	"context"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

// Target is a migrated database that may be written to, and the code that works on it.
type Target struct {
	// DSN logs in as the application's role, directly to the server.
	DSN string
	// Superuser is a superuser's DSN of the same database. It prepares what no tenant could: a leaky function, fresh
	// statistics, a terminated connection. Without it, attacks that need it are reported as not made.
	Superuser string
	// Open opens a driver as the product does, for example through a pooler. The default is pgtenant.Open with DSN.
	Open func(ctx context.Context, opts ...pgtenant.Option) (*pgtenant.Driver, error)
	// Tenant creates a tenant. The kit calls it often, to keep attacks independent.
	Tenant func(ctx context.Context) (tenancy.ID, error)
	// Entities are the tenant-scoped tables, referenced ones first. A table with a tenant_id and without an entity
	// fails the suite by name.
	Entities []Entity
	// Definers are the SECURITY DEFINER functions that the application may call ("public.f(text, text)").
	Definers []string
	// SpanningKeys are the unique indexes that span tenants on purpose ("public.index"). Each reveals that a value is
	// taken.
	SpanningKeys []string
	// AppendOnly are the tables, with a tenant_id or without, on which the application may only SELECT and INSERT
	// ("public.audit_events"). The kit requires that nothing else is possible, even for a row's owner. With a
	// tenant_id, the primary key must be a uuid.
	AppendOnly []string
	// Pins are the accepted risks of the application's own tables.
	Pins []Pin
	// Redis is attacked if set.
	Redis *Redis
	// Commit is the code's version in the report. The default is what the build recorded, which is nothing in a test.
	Commit string
}

// Entity registers a tenant-scoped table: how the user's code creates and reaches its rows. The callbacks run under the
// tenant of their context. Ids are texts.
type Entity struct {
	// Name is the Ent schema's, Table the table's with its schema ("public.agents").
	Name, Table string
	// Create makes a valid row with canary, a unique word, in at least one of its texts, if any, and returns its id.
	Create func(ctx context.Context, canary string) (id string, err error)
	// List returns all rows in any form. The result is searched for values of other tenants.
	List func(ctx context.Context) (any, error)
	// Get returns one row; for a missing one, an error or nothing.
	Get func(ctx context.Context, id string) (any, error)
	// Update changes a row and Delete deletes it. Both return the number of rows.
	Update, Delete func(ctx context.Context, id string) (int, error)
	// Paths are further ways to rows, such as edges, upserts and hand-written SQL.
	Paths []Path
}

// Row is a row that the kit created.
type Row struct{ Tenant, ID, Canary string }

// Path reaches rows through the user's code. It is tried as another tenant, without a tenant and, to prove that it
// works, as the row's owner.
type Path struct {
	// ID is the attack's stable code. Does describes the attempt in a sentence.
	ID, Does string
	// Want is what another tenant must get. The owner must get something; without a tenant, an error or nothing.
	Want Want
	// Try makes the attempt: own is a row of the context's tenant, aim is the target row. The result is searched for
	// values of aim's tenant.
	Try func(ctx context.Context, own, aim Row) (any, error)

	// changes is set if the rows' owner cannot do it in an append-only table.
	changes bool
}

// Want is the required result of a path for another tenant.
type Want int

// The results of paths. "Nothing" is an error, nil, zero, false, or anything empty.
const (
	WantNothing  Want = iota // nothing; the owner gets something
	WantOwn                  // its own rows, and so does the owner
	WantOwnCount             // the number of its own rows, and so does the owner
	WantRefused              // an error; the owner gets none
)

// Pin shows that an accepted risk is as described. It fails if the risk can't be shown, or is gone, so that its
// description is corrected.
type Pin struct {
	// ID is the attack's stable code. Does describes the attempt, Shows the effect.
	ID, Does, Shows string
	// Risk is the risk's anchor in the list of accepted risks.
	Risk string
	// Privileged is set if Show needs [Target.Superuser].
	Privileged bool
	// Show reports whether the risk exists. It must undo its changes.
	Show func(ctx context.Context) (bool, error)
}

// Redis describes how the product uses its Redis.
type Redis struct {
	// Keys are the functions that build keys, by name.
	Keys map[string]func(tenant tenancy.ID, part string) (rediskey.Key, error)
	// Use sends the product's commands with a key.
	Use func(ctx context.Context, key rediskey.Key) error
	// Seen returns all keys that the server has received.
	Seen func() []string
}
