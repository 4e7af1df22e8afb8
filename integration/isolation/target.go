package isolation

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/attacks"
	fixtureent "github.com/konstruct/konstruct/integration/fixture/ent"
	fixtureattacks "github.com/konstruct/konstruct/integration/fixture/ent/attacks"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// DB is a database with Konstruct's and the fixture's tables, which may be written to.
type DB struct {
	// AppURL logs in as konstruct_app, directly; SuperURL as a superuser, and may be empty.
	AppURL, SuperURL string
	// DriverURL is the drivers' URL, for example a pooler's. The default is AppURL.
	DriverURL string
	// Options are the drivers'.
	Options []pgtenant.Option
	// Commit is the code's version in the report.
	Commit string
}

// Run attacks db in subtests of t named by the attacks' ids.
func Run[S attack.T[S]](t S, db DB) *attack.Report {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Errorf("isolation: %v", err)
			t.FailNow()
		}
	}
	open := func(ctx context.Context, opts ...pgtenant.Option) (*pgtenant.Driver, error) {
		return pgtenant.Open(ctx, cmp.Or(db.DriverURL, db.AppURL), slices.Concat(db.Options, opts)...)
	}
	drv, err := open(t.Context())
	must(err)
	defer func() { _ = drv.Close() }()
	redis, closeRedis, err := newRedis()
	must(err)
	defer closeRedis()
	client, fixtures := ent.NewClient(ent.Driver(drv)), fixtureent.NewClient(fixtureent.Driver(drv))
	return attack.Run(t, attack.Target{
		DSN: db.AppURL, Superuser: db.SuperURL, Open: open,
		Tenant:       func(ctx context.Context) (tenancy.ID, error) { return newTenant(ctx, client) },
		Entities:     Entities(client, fixtures, drv),
		Definers:     slices.Collect(maps.Keys(migrate.Spec().Definers)),
		SpanningKeys: slices.Collect(maps.Keys(migrate.Spec().SpanningKeys)),
		AppendOnly:   slices.Collect(maps.Keys(migrate.Spec().AppendOnly)),
		Pins:         Pins(db, drv),
		Redis:        redis,
		Commit:       db.Commit,
	})
}

// Attacks lists the kit's attacks with the paths of the entities and the pins.
func Attacks() []attack.Attack {
	return attack.All(attack.Target{Entities: Entities(nil, nil, nil), Pins: Pins(DB{}, nil)})
}

// Entities registers the tenant-scoped tables of both clients, with hand-written paths.
func Entities(client *ent.Client, fixtures *fixtureent.Client, drv *pgtenant.Driver) []attack.Entity {
	return slices.Concat(
		attack.Entities(attacks.Schemas(client), append(people(drv),
			attack.Override{Entity: attack.Entity{Name: "Agent", Paths: handWritten(drv)}},
			attack.Override{Entity: attack.Entity{Name: "ChannelConnection", Paths: takenWorkspace(client)}},
		)...),
		attack.Entities(fixtureattacks.Schemas(fixtures),
			attack.Override{Entity: attack.Entity{Name: "Tag", Paths: tagAttachments(fixtures)}},
			attack.Override{Entity: notes(fixtures)},
		),
	)
}

func newTenant(ctx context.Context, client *ent.Client) (tenancy.ID, error) {
	slug := "t" + uuid.NewString()
	row, err := client.Tenant.Create().SetName(slug).SetSlug(slug).Save(ctx)
	if err != nil {
		return tenancy.ID{}, err
	}
	return tenancy.FromUUID(row.ID)
}
