package attack_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/attacks"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// A user's table, protected as `task migrate:diff` would have written it. This file is the kit's example of a table
// without an Ent schema: an entity with five callbacks, and one call.
const invoices = `
create table invoices (
	id uuid primary key default gen_random_uuid(),
	tenant_id uuid not null default nullif(current_setting('app.current_tenant', true), '')::uuid references tenants (id),
	number text not null,
	replaces uuid,
	unique (tenant_id, id),
	unique (tenant_id, number),
	constraint replaced foreign key (tenant_id, replaces) references invoices (tenant_id, id)
);
alter table invoices owner to konstruct_owner;
alter table invoices enable row level security;
alter table invoices force row level security;
create policy tenant_isolation on invoices to konstruct_app
	using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::uuid))
	with check (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::uuid));
create policy tenant_floor on invoices as restrictive to konstruct_app
	using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')::uuid));
grant select, insert, update, delete on invoices to konstruct_app;`

func TestATableWithoutEnt(t *testing.T) {
	t.Parallel()
	report := attack.Run(t, target(t, withInvoices(t, "")))
	require.True(t, report.Holds, report.Verdict)
	require.Contains(t, report.Tables, "public.invoices")
}

func target(t *testing.T, db *testdb.Database) attack.Target {
	t.Helper()
	drv := open(t, db.AppURL)
	client := ent.NewClient(ent.Driver(drv))
	return attack.Target{
		DSN: db.AppURL, Superuser: db.SuperURL,
		Tenant: func(ctx context.Context) (tenancy.ID, error) {
			name := "t" + uuid.NewString()
			row, err := client.Tenant.Create().SetName(name).SetSlug(name).Save(ctx)
			if err != nil {
				return tenancy.ID{}, err
			}
			return tenancy.FromUUID(row.ID)
		},
		Entities:     attack.Entities(attacks.Schemas(client), append(isolation.Values(), attack.Override{Entity: invoicesOf(drv)})...),
		Definers:     slices.Collect(maps.Keys(migrate.Spec().Definers)),
		SpanningKeys: slices.Collect(maps.Keys(migrate.Spec().SpanningKeys)),
		AppendOnly:   slices.Collect(maps.Keys(migrate.Spec().AppendOnly)),
	}
}

// invoicesOf uses no Ent. tenancy.From refuses a missing tenant, as the mixin does.
func invoicesOf(drv *pgtenant.Driver) attack.Entity {
	exec := func(ctx context.Context, query string, args ...any) (int, error) {
		if _, err := tenancy.From(ctx); err != nil {
			return 0, err
		}
		n, err := pgtenant.Exec(ctx, drv, query, args...)
		return int(n), err
	}
	read := func(ctx context.Context, query string, args ...any) (found string, err error) {
		if _, err := tenancy.From(ctx); err != nil {
			return "", err
		}
		err = pgtenant.QueryRow(ctx, drv, query, args...).Scan(&found)
		return found, err
	}
	return attack.Entity{
		Name: "Invoice", Table: "public.invoices",
		Create: func(ctx context.Context, canary string) (string, error) {
			return read(ctx, "insert into invoices (number) values ($1) returning id::text", canary)
		},
		List: func(ctx context.Context) (any, error) {
			return read(ctx, "select string_agg(number, ' ') from invoices")
		},
		Get: func(ctx context.Context, id string) (any, error) {
			return read(ctx, "select number from invoices where id = $1", uuid.MustParse(id))
		},
		Update: func(ctx context.Context, id string) (int, error) {
			return exec(ctx, "update invoices set number = number || '.' where id = $1", uuid.MustParse(id))
		},
		Delete: func(ctx context.Context, id string) (int, error) {
			return exec(ctx, "delete from invoices where id = $1", uuid.MustParse(id))
		},
	}
}

// withInvoices returns a database with the table, changed by sql.
func withInvoices(t *testing.T, sql string) *testdb.Database {
	t.Helper()
	db := testdb.New(t)
	conn := connect(t, db.SuperURL)
	run(t, conn, invoices)
	run(t, conn, sql)
	return db
}

func open(t *testing.T, url string) *pgtenant.Driver {
	t.Helper()
	drv, err := pgtenant.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	return drv
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}
