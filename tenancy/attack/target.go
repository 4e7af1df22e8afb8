package attack

import (
	"context"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

// Target is what is attacked: a migrated database that may be written to, and the code that works on it.
type Target struct {
	// DSN logs in as the application's role, at the server itself. The SQL attacks use it beside every driver.
	DSN string
	// Superuser is a superuser's DSN of the same database. It arranges what no tenant could: a leaky function, fresh
	// statistics, a connection that is cut. Where it is empty, the attacks that need it are reported as not made.
	Superuser string
	// Open makes a driver as the product does, through a pooler for one. Where nil, it is pgtenant.Open with DSN.
	Open func(ctx context.Context, opts ...pgtenant.Option) (*pgtenant.Driver, error)
	// Tenant makes one tenant more. The kit asks for as many as it needs, so that no attack depends on another.
	Tenant func(ctx context.Context) (tenancy.ID, error)
	// Entities are the tenant-scoped tables, those that others refer to first. A table with a tenant_id and
	// without an entity fails the suite by name.
	Entities []Entity
	// Definers are the SECURITY DEFINER functions that the application may call ("public.f(text, text)").
	Definers []string
	// SpanningKeys are the unique indexes that span tenants on purpose ("public.index"). Each lets a tenant find out
	// that a value is taken.
	SpanningKeys []string
	// Pins are accepted risks that come with the application's own tables.
	Pins []Pin
	// Redis is attacked where it is given.
	Redis *Redis
	// Commit names the version of the code in the report. Where empty, it is what the build has recorded, which a test's
	// build has not.
	Commit string
}

// Entity registers one tenant-scoped table: how its rows are made, and how the user's own code reaches them. All of
// it runs under the tenant of its context. Ids travel as text.
type Entity struct {
	// Name is the Ent schema's, Table the table's with its schema ("public.agents").
	Name, Table string
	// Create makes a valid row with canary, a unique word, in at least one of its texts (where it has any), and
	// returns its id.
	Create func(ctx context.Context, canary string) (id string, err error)
	// List returns all rows, in any form: the result is searched for values of other tenants.
	List func(ctx context.Context) (any, error)
	// Get returns one row. A row that is not there is an error, or nothing.
	Get func(ctx context.Context, id string) (any, error)
	// Update changes a row, Delete removes it, and both say how many rows that were.
	Update, Delete func(ctx context.Context, id string) (int, error)
	// Paths are further ways to rows, such as edges, upserts and hand-written SQL.
	Paths []Path
}

// Row is a row that the kit has made.
type Row struct{ Tenant, ID, Canary string }

// Path is one way in through the user's code. It is tried by another tenant, without a tenant, and, for the proof that it
// leads anywhere at all, by the owner of the row.
type Path struct {
	// ID is the attack's stable code, Does what it does, in a sentence.
	ID, Does string
	// Want is what another tenant must get. The owner must get something; without a tenant it must be an error or nothing.
	Want Want
	// Try makes the attempt: own is a row of the context's tenant, aim is the row in question. What it returns is
	// searched for whatever belongs to aim's tenant.
	Try func(ctx context.Context, own, aim Row) (any, error)
}

// Want is what has to come of a path that another tenant tries.
type Want int

// The outcomes of paths. "Nothing" is an error, nil, zero, false, or anything empty.
const (
	WantNothing  Want = iota // nothing; the owner gets something
	WantOwn                  // its own rows, and so does the owner
	WantOwnCount             // the number of its own rows, and so does the owner
	WantRefused              // an error; the owner gets none
)

// Pin shows that an accepted risk is what its description says. It fails when the risk is gone, so that the description
// is corrected, as well as when it can't be shown.
type Pin struct {
	// ID is the attack's stable code, Does what it does, in a sentence, Shows what comes of it.
	ID, Does, Shows string
	// Risk is the risk's anchor in the list of accepted risks.
	Risk string
	// Privileged is true where Show needs [Target.Superuser].
	Privileged bool
	// Show reports whether the risk is there. What it changes, it puts back.
	Show func(ctx context.Context) (bool, error)
}

// Redis tells how the product reaches its Redis.
type Redis struct {
	// Keys are the functions that build keys, by name.
	Keys map[string]func(tenant tenancy.ID, part string) (rediskey.Key, error)
	// Use sends the commands that the product sends with a key.
	Use func(ctx context.Context, key rediskey.Key) error
	// Seen returns all keys that the server has been sent so far.
	Seen func() []string
}
