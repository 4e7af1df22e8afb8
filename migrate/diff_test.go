package migrate_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"entgo.io/ent/dialect/entsql"
	entschema "entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	entmigrate "github.com/konstruct/konstruct/ent/migrate"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

const textSize = 2147483647

var planned = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func col(name string, typ field.Type) *entschema.Column {
	return &entschema.Column{Name: name, Type: typ, Size: textSize}
}

func optional(c *entschema.Column) *entschema.Column {
	c.Nullable = true
	return c
}

// plain returns a table as Ent generates it, with mixin.ID.
func plain(name string, columns ...*entschema.Column) *entschema.Table {
	id := &entschema.Column{Name: "id", Type: field.TypeUUID}
	return &entschema.Table{
		Name: name, Columns: append([]*entschema.Column{id}, columns...), PrimaryKey: []*entschema.Column{id},
		Annotation: &entsql.Annotation{},
	}
}

// scoped returns a table as Ent generates it, with mixin.ID and mixin.Tenant.
func scoped(name string, columns ...*entschema.Column) *entschema.Table {
	tenant := &entschema.Column{
		Name: "tenant_id", Type: field.TypeUUID,
		Default: entschema.Expr("NULLIF(current_setting('app.current_tenant', true), '')::uuid"),
	}
	t := plain(name, append([]*entschema.Column{tenant}, columns...)...)
	t.Indexes = []*entschema.Index{{
		Name: name + "_tenant_id_id", Unique: true, Columns: []*entschema.Column{tenant, t.PrimaryKey[0]},
	}}
	return t
}

func refer(from *entschema.Table, column string, to *entschema.Table) {
	c, _ := from.Column(column)
	from.AddForeignKey(&entschema.ForeignKey{
		Symbol: from.Name + "_" + column, Columns: []*entschema.Column{c},
		RefTable: to, RefColumns: to.PrimaryKey, OnDelete: entschema.Cascade,
	})
}

func unique(t *entschema.Table, columns ...string) {
	idx := &entschema.Index{Name: t.Name + "_unique", Unique: true}
	for _, name := range columns {
		c, _ := t.Column(name)
		idx.Columns = append(idx.Columns, c)
	}
	t.Indexes = append(t.Indexes, idx)
}

// productOptions plan in a copy of the product's folder, with tables besides its own.
func productOptions(t *testing.T, dir string, tables ...*entschema.Table) migrate.DiffOptions {
	t.Helper()
	return migrate.DiffOptions{
		Name: "next_step", Dir: dir, Tables: slices.Concat(entmigrate.Tables, tables), Spec: migrate.Spec(),
		ScratchURL: testdb.Empty(t).SuperURL, Now: planned,
	}
}

// projectOptions plan in a folder that is based on the product's chain.
func projectOptions(t *testing.T, dir string, tables ...*entschema.Table) migrate.DiffOptions {
	t.Helper()
	o := productOptions(t, dir)
	o.Tables, o.Base = tables, []migrate.Chain{migrate.Konstruct()}
	return o
}

func diff(t *testing.T, dir string, tables ...*entschema.Table) (migrate.Plan, error) {
	t.Helper()
	return migrate.Diff(t.Context(), projectOptions(t, dir, tables...))
}

// global lists a table without a tenant.
func global(table, why string) doctor.Spec {
	return migrate.Spec().With(doctor.Spec{Global: map[string]string{"public." + table: why}})
}

func TestDiffOfANewTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notes := scoped("notes", col("slug", field.TypeString), optional(col("parent_id", field.TypeUUID)))
	refer(notes, "parent_id", notes)
	unique(notes, "tenant_id", "slug")

	plan, err := diff(t, dir, notes)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "20300102030405_next_step.sql"), plan.File)
	require.Empty(t, plan.Drops)
	requireGolden(t, "new_table.sql", plan.SQL)
	written, err := os.ReadFile(plan.File)
	require.NoError(t, err)
	require.Equal(t, plan.SQL, string(written))
	seed, err := os.ReadFile(filepath.Join(dir, "seed", "notes.sql"))
	require.NoError(t, err)
	require.Equal(t, `INSERT INTO "notes" ("id", "tenant_id", "slug")
SELECT gen_random_uuid(), tenants.id, 'seed'
  FROM tenants, generate_series(1, 2)
    ON CONFLICT DO NOTHING;
`, string(seed))

	again, err := diff(t, dir, notes)
	require.NoError(t, err)
	require.Equal(t, migrate.Plan{}, again, "writes nothing if current")
	require.Len(t, sqlFiles(t, os.DirFS(dir)), 1)
}

// Every property that Ent's schema can change on an existing table is planned, and only what changed.
func TestDiffOfChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	notes := func() *entschema.Table {
		slug := col("slug", field.TypeString)
		slug.Default = "a"
		out := scoped("notes", slug, &entschema.Column{Name: "size", Type: field.TypeInt32}, col("body", field.TypeString))
		out.Annotation.Checks = map[string]string{"notes_slug_known": "slug IN ('a', 'b')"}
		unique(out, "tenant_id", "slug")
		out.Indexes[1].Annotation = entsql.IndexWhere("slug <> 'a'")
		return out
	}
	_, err := diff(t, dir, notes())
	require.NoError(t, err)
	unchanged, err := diff(t, dir, notes())
	require.NoError(t, err)
	require.Empty(t, unchanged.SQL)

	changed := notes()
	changed.Annotation.Checks["notes_slug_known"] = "slug IN ('a', 'b', 'c')"
	changed.Annotation.Checks["notes_slug_short"] = "length(slug) < 9"
	changed.Columns[2].Default = "b"
	changed.Columns[3].Type = field.TypeInt64
	changed.Columns[4].Nullable = true
	changed.Indexes[1].Annotation.Where = "slug <> 'b'"
	plan, err := diff(t, dir, changed)
	require.NoError(t, err)
	requireGolden(t, "changes.sql", plan.SQL)
}

func TestDiffOfAnAppendOnlyTable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files{"seed/notes.sql": "-- edited"}.write(t, dir)
	options := projectOptions(t, dir, scoped("notes"), plain("news"))
	options.Spec = migrate.Spec().With(doctor.Spec{
		Global:     map[string]string{"public.news": "for everyone"},
		AppendOnly: map[string]string{"public.notes": "kept", "public.news": "kept"},
	})
	plan, err := migrate.Diff(t.Context(), options)
	require.NoError(t, err)
	for _, table := range []string{"notes", "news"} {
		require.Contains(t, plan.SQL, `GRANT SELECT, INSERT ON "`+table+`" TO "konstruct_app";`)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "seed", "notes.sql"))
	require.NoError(t, err)
	require.Equal(t, "-- edited", string(kept), "an existing seed is kept")
}

func TestDiffOfAGlobalTable(t *testing.T) {
	t.Parallel()
	options := projectOptions(t, t.TempDir(), plain("plans", col("name", field.TypeString)))
	_, err := migrate.Diff(t.Context(), options)
	require.ErrorIs(t, err, migrate.ErrUnclassified)
	require.ErrorContains(t, err, "plans: give its schema mixin.Tenant{}, or")
	require.Empty(t, sqlFiles(t, os.DirFS(options.Dir)), "writes nothing")

	options.Spec = global("plans", "products, the same for all tenants")
	plan, err := migrate.Diff(t.Context(), options)
	require.NoError(t, err)
	requireGolden(t, "global_table.sql", plan.SQL)
}

func TestDiffOfANewForeignKeyBetweenTablesWithRows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := diff(t, dir, scoped("notes"), scoped("tags"))
	require.NoError(t, err)
	require.NotEmpty(t, first.File)

	b := setup(t, testdb.New)
	b.twoTenants(t)
	b.mustUp(t, migrate.Konstruct(), testChain(dir))
	exec(t, b.super, `INSERT INTO notes (id, tenant_id) SELECT id, id FROM tenants;
		INSERT INTO tags (id, tenant_id) SELECT id, id FROM tenants`)

	notes, tags := scoped("notes", optional(col("tag_id", field.TypeUUID))), scoped("tags")
	labels := scoped("labels", col("tag_id", field.TypeUUID))
	refer(notes, "tag_id", tags)
	refer(labels, "tag_id", tags)
	unique(labels, "tag_id")
	plan, err := diff(t, dir, notes, tags, labels)
	require.NoError(t, err)
	require.Equal(t, "20300102030406_next_step.sql", filepath.Base(plan.File), "later than the last")
	requireGolden(t, "new_foreign_key.sql", plan.SQL)

	b.mustUp(t, migrate.Konstruct(), testChain(dir))
	require.Equal(t, 2, one[int](t, b.super, "SELECT count(*) FROM notes"))
	require.Equal(t, 3, one[int](t, b.super, `SELECT count(*) FROM pg_class
		WHERE relname IN ('notes', 'tags', 'labels') AND relrowsecurity AND relforcerowsecurity`))
	_, err = b.super.Exec(t.Context(), `UPDATE notes AS n SET tag_id = t.id FROM tags AS t WHERE t.tenant_id <> n.tenant_id`)
	requireCode(t, err, "23503")
	exec(t, b.super, `UPDATE notes AS n SET tag_id = t.id FROM tags AS t WHERE t.tenant_id = n.tenant_id`)
}

// Existing tables, planned and hand-written, become tenant-scoped, and one has a second edge to Tenant.
func TestDiffOfATableThatBecomesTenantScoped(t *testing.T) {
	t.Parallel()
	dir, chain := product(t, nil)
	options := productOptions(t, dir, plain("labels"))
	options.Spec = global("labels", "a test")
	_, err := migrate.Diff(t.Context(), options)
	require.NoError(t, err)
	files{
		"20300102030500_by_hand.sql": `
CREATE TABLE hints (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON hints TO konstruct_app;`,
		"seed/hints.sql":  "INSERT INTO hints SELECT gen_random_uuid(), id FROM tenants",
		"seed/labels.sql": "-- rows without a tenant would violate the new foreign key",
	}.write(t, dir)
	require.NoError(t, migrate.Hash(dir))

	labels := scoped("labels", optional(col("referred_by", field.TypeUUID)))
	refer(labels, "referred_by", entmigrate.TenantsTable)
	plan, err := migrate.Diff(t.Context(), productOptions(t, dir, labels, scoped("hints")))
	require.NoError(t, err)
	requireGolden(t, "becomes_tenant_scoped.sql", plan.SQL)
	require.Empty(t, check(t, chain, labels, scoped("hints")))
}

func TestDiffRefuses(t *testing.T) {
	t.Parallel()
	notes, tags := scoped("notes"), scoped("tags")
	both := &entschema.Table{Name: "note_tags", Annotation: &entsql.Annotation{}}
	both.Columns = []*entschema.Column{col("note_id", field.TypeUUID), col("tag_id", field.TypeUUID)}
	both.PrimaryKey = both.Columns
	refer(both, "note_id", notes)
	refer(both, "tag_id", tags)

	audited, audits := scoped("notes"), plain("login_audits", col("note_id", field.TypeUUID))
	refer(audits, "note_id", audited)

	spanning := scoped("notes", col("slug", field.TypeString))
	unique(spanning, "slug")
	numbered := scoped("notes", &entschema.Column{Name: "number", Type: field.TypeInt, Increment: true})
	loose := scoped("notes")
	loose.Columns[1].Nullable = true
	for name, c := range map[string]struct {
		tables []*entschema.Table
		err    error
		says   string
	}{
		"a many-to-many table without a tenant":            {[]*entschema.Table{notes, tags, both}, migrate.ErrUnscopedReference, "note_tags: a many-to-many edge between tenant-scoped schemas needs an edge schema"},
		"a table without a tenant that refers to one with": {[]*entschema.Table{audited, audits}, migrate.ErrUnscopedReference, "login_audits references notes"},
		"a key that spans tenants":                         {[]*entschema.Table{spanning}, migrate.ErrSpanningKey, "notes_unique (slug) of notes"},
		"a sequence":                                       {[]*entschema.Table{numbered}, migrate.ErrSequence, "notes.number: use mixin.ID{}"},
		"a tenant that may be missing":                     {[]*entschema.Table{loose}, migrate.ErrTenantColumn, "notes.tenant_id: use mixin.Tenant{}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			options := projectOptions(t, dir, c.tables...)
			options.Spec = global("login_audits", "a test")
			_, err := migrate.Diff(t.Context(), options)
			require.ErrorIs(t, err, c.err)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, sqlFiles(t, os.DirFS(dir)))
		})
	}
}

func TestDiffRefusesDrops(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := diff(t, dir, scoped("notes", col("body", field.TypeString)), scoped("tags"))
	require.NoError(t, err)

	options := projectOptions(t, dir, scoped("notes"))
	plan, err := migrate.Diff(t.Context(), options)
	require.ErrorIs(t, err, migrate.ErrDestructive)
	require.ErrorContains(t, err, "column notes.body, table tags")
	require.Equal(t, []string{"column notes.body", "table tags"}, plan.Drops)
	require.Len(t, sqlFiles(t, os.DirFS(dir)), 1)

	options.AllowDrops = true
	plan, err = migrate.Diff(t.Context(), options)
	require.NoError(t, err)
	require.Contains(t, plan.SQL, `DROP TABLE "tags"`)
	require.Contains(t, plan.SQL, `ALTER TABLE "notes" DROP COLUMN "body"`)
}

func TestDiffNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Add", "add notes", "../x", "add-notes", "_add"} {
		_, err := migrate.Diff(t.Context(), migrate.DiffOptions{Name: name, Dir: t.TempDir()})
		require.ErrorContains(t, err, "lower-case words joined by underscores", name)
	}
}

func TestDiffDropsScratchDatabases(t *testing.T) {
	t.Parallel()
	options := projectOptions(t, t.TempDir(), scoped("notes"))
	options.ScratchURL = testdb.OwnCluster(t).Empty(t).SuperURL
	super := open(t, options.ScratchURL)
	const left = "SELECT datname::text FROM pg_database WHERE datname LIKE 'konstruct%'"

	_, err := migrate.Diff(t.Context(), options)
	require.NoError(t, err)
	require.Empty(t, column(t, super, left))

	options.Tables = []*entschema.Table{plain("unlisted")}
	_, err = migrate.Diff(t.Context(), options)
	require.ErrorIs(t, err, migrate.ErrUnclassified)
	require.Empty(t, column(t, super, left))
}

// As in CONTRIBUTING: new schemas with the mixin, in a copy of the product's folder.
func TestDiffOfTheProductWithOneMoreSchema(t *testing.T) {
	t.Parallel()
	dir, chain := product(t, nil)
	notes := scoped("notes", col("body", field.TypeString))
	parts := scoped("parts", col("note_id", field.TypeUUID), col("done", field.TypeBool), col("at", field.TypeTime),
		col("data", field.TypeJSON), col("raw", field.TypeBytes), &entschema.Column{Name: "position", Type: field.TypeInt})
	refer(parts, "note_id", notes)
	plan, err := migrate.Diff(t.Context(), productOptions(t, dir, notes, parts))
	require.NoError(t, err)
	require.Empty(t, check(t, chain, notes, parts))

	b := setup(t, testdb.New)
	first, second := b.twoTenants(t)
	require.Equal(t, []string{filepath.Base(plan.File)}, b.mustUp(t, chain))
	for _, tenant := range []uuid.UUID{first, second} {
		b.enter(t, tenant.String())
		exec(t, b.app, "INSERT INTO notes (id, body) VALUES ($1, $2)", tenant, tenant.String())
		require.Equal(t, []string{tenant.String()}, column(t, b.app, "SELECT body FROM notes"))
	}
}
