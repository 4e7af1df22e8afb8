package returning_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/fixture"
	fixtureent "github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/tagging"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
)

// clients has the product's and the fixture's client, and a context for each of two tenants.
type clients struct {
	*database

	product *ent.Client
	fixture *fixtureent.Client
	a, b    context.Context
}

func newClients(t *testing.T) *clients {
	t.Helper()
	db := testdb.New(t)
	require.NoError(t, fixture.Migrate(t.Context(), db.OwnerURL))
	d := connect(t, db, "cache_statement")
	c := &clients{
		database: d, product: ent.NewClient(ent.Driver(d)), fixture: fixtureent.NewClient(fixtureent.Driver(d)),
	}
	c.a, c.b = c.tenant(t, "a"), c.tenant(t, "b")
	return c
}

func (c *clients) tenant(t *testing.T, name string) context.Context {
	t.Helper()
	id, err := tenancy.FromUUID(c.product.Tenant.Create().SetName(name).SetSlug(name).SaveX(t.Context()).ID)
	require.NoError(t, err)
	return tenancy.With(t.Context(), id)
}

// A create or an update returns what a query finds, even if a trigger changes it.
func TestSavedNodeIsTheRow(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	c.exec(t, `
		create function decide() returns trigger language plpgsql as
			$$ begin new.body = tg_op || ' ' || new.slug; new.main_tag_id = null; new.mood = null; return new; end $$;
		create trigger decide before insert or update on fixture_notes for each row execute function decide()`)
	requireRow := func(saved *fixtureent.Note, body string) {
		t.Helper()
		require.Equal(t, body, saved.Body)
		require.Equal(t, c.fixture.Note.GetX(c.a, saved.ID).String(), saved.String())
	}
	notes := c.fixture.Note
	tag := c.fixture.Tag.Create().SetSlug("t").SaveX(c.a)
	root := notes.Create().SetSlug("root").SaveX(c.a)
	requireRow(root, "INSERT root")
	child := notes.Create().SetSlug("child").SetParent(root).SetMainTag(tag).SetMood(note.MoodCalm).SaveX(c.a)
	requireRow(child, "INSERT child")
	require.Nil(t, child.MainTagID)
	require.Nil(t, child.Mood)
	requireRow(notes.Create().SetSlug("tagged").AddTags(tag).AddChildren(root).SaveX(c.a), "INSERT tagged")
	requireRow(notes.UpdateOne(child).AddViews(2).SaveX(c.a), "UPDATE child")
	requireRow(notes.UpdateOne(child).ClearParent().SaveX(c.a), "UPDATE child")
	requireRow(notes.UpdateOne(child).AddTags(tag).SaveX(c.a), "UPDATE child")

	// An upsert returns the existing row, without the parent of the new one.
	upsert := notes.Create().SetSlug("child").SetParent(root)
	upsert.OnConflictColumns(note.FieldTenantID, note.FieldSlug).
		Update(func(u *fixtureent.NoteUpsert) { u.AddViews(1) })
	requireRow(upsert.SaveX(c.a), "UPDATE child")
	require.Equal(t, child.ID, upsert.SaveX(c.a).ID)
	ignored := notes.Create().SetSlug("child")
	ignored.OnConflict().DoNothing()
	_, err := ignored.Save(c.a)
	require.ErrorIs(t, err, sql.ErrNoRows)

	tools := []json.RawMessage{json.RawMessage(`{"b":1,"a":2}`)}
	hired := c.product.Agent.Create().SetName("n").SetToolAssignments(tools).SaveX(c.a)
	require.Equal(t, c.product.Agent.GetX(c.a, hired.ID).String(), hired.String())
	require.JSONEq(t, `{"a": 2, "b": 1}`, string(hired.ToolAssignments[0]))
}

// A deprecated field is not read. A create's node keeps the value that was set, as with Ent.
func TestDeprecatedField(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	taggings := c.fixture.Tagging
	tagged, noted := c.fixture.Tag.Create().SetSlug("t").SaveX(c.a), c.fixture.Note.Create().SetSlug("n").SaveX(c.a)
	one := taggings.Create().SetTag(tagged).SetNote(noted).SetLabel("one").SaveX(c.a)
	require.Contains(t, one.String(), "label=one")
	require.NotContains(t, taggings.GetX(c.a, one.ID).String(), "label=one")
	require.Contains(t, strings.Join(c.rows(t, "fixture_taggings"), "\n"), ",one)")

	again := taggings.Create().SetTag(tagged).SetNote(noted).SetLabel("again")
	again.OnConflictColumns(tagging.FieldTenantID, tagging.FieldNoteID, tagging.FieldTagID).UpdateNewValues()
	upserted := again.SaveX(c.a)
	require.Equal(t, one.ID, upserted.ID)
	require.Contains(t, upserted.String(), "label=again")
}

func TestUpdateOneErrors(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	notes := c.fixture.Note
	mine, theirs := notes.Create().SetSlug("n").SaveX(c.a), notes.Create().SetSlug("n").SaveX(c.b)
	notes.Create().SetSlug("taken").SaveX(c.a)

	_, err := notes.UpdateOneID(mine.ID).Where(note.Views(0)).AddViews(1).Save(c.a)
	require.NoError(t, err)
	for name, update := range map[string]*fixtureent.NoteUpdateOne{
		"missing row":      notes.UpdateOneID(uuid.New()).SetBody("x"),
		"another tenant's": notes.UpdateOneID(theirs.ID).SetBody("x"),
		"changed row":      notes.UpdateOneID(mine.ID).Where(note.Views(0)).AddViews(1),
	} {
		_, err := update.Save(c.a)
		require.True(t, fixtureent.IsNotFound(err), "%s: %v", name, err)
	}
	_, err = notes.UpdateOneID(mine.ID).SetSlug("taken").Save(c.a)
	require.True(t, fixtureent.IsConstraintError(err), "%v", err)
	require.Equal(t, theirs.String(), notes.GetX(c.b, theirs.ID).String())
}

// TestPoliciesAlone bypasses the mixin.
func TestPoliciesAlone(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	theirs := c.fixture.Note.Create().SetSlug("n").SaveX(c.b)

	id := sqlgraph.NewFieldSpec(note.FieldID, field.TypeUUID)
	id.Value = theirs.ID
	update := sqlgraph.NewUpdateSpec(note.Table, []string{note.FieldSlug}, id)
	update.SetField(note.FieldBody, field.TypeString, "x")
	update.ScanValues, update.Assign = scanValues, node{}.assign
	var missing *sqlgraph.NotFoundError
	require.ErrorAs(t, ours.update(c.a, c, update), &missing)
	require.NoError(t, ours.update(c.b, c, update))

	rows := func(tenants ...context.Context) *sqlgraph.BatchCreateSpec {
		return batchOf(len(tenants), func(i int) *sqlgraph.CreateSpec {
			tenant, err := tenancy.From(tenants[i])
			require.NoError(t, err)
			spec := sqlgraph.NewCreateSpec(note.Table, sqlgraph.NewFieldSpec(note.FieldID, field.TypeUUID))
			spec.ID.Value = uuid.New()
			spec.SetField(note.FieldTenantID, field.TypeUUID, tenant.UUID())
			spec.SetField(note.FieldSlug, field.TypeString, strconv.Itoa(i))
			return spec
		})
	}
	for _, tenants := range [][]context.Context{{c.a, c.b}, {c.b, c.b}} {
		var refused *pgconn.PgError
		require.ErrorAs(t, ours.batch(c.a, c, rows(tenants...)), &refused)
		require.Equal(t, "42501", refused.Code)
	}
	require.Zero(t, c.fixture.Note.Query().CountX(c.a))
	require.Equal(t, 1, c.fixture.Note.Query().CountX(c.b))
	require.NoError(t, ours.batch(c.a, c, rows(c.a, c.a)))
	require.Equal(t, 2, c.fixture.Note.Query().CountX(c.a))
}

func TestBulkOfAnotherTenant(t *testing.T) {
	t.Parallel()
	c := newClients(t)
	b, err := tenancy.From(c.b)
	require.NoError(t, err)
	bulk := func(tenant ...uuid.UUID) error {
		return c.fixture.Note.MapCreateBulk([]string{"x", "y"}, func(n *fixtureent.NoteCreate, i int) {
			n.SetSlug(strconv.Itoa(i))
			if i == 1 && len(tenant) > 0 {
				n.SetTenantID(tenant[0])
			}
		}).Exec(c.a)
	}
	require.ErrorIs(t, bulk(b.UUID()), tenancy.ErrTenantMismatch)
	require.Zero(t, c.fixture.Note.Query().CountX(c.a))
	require.NoError(t, bulk())
	require.Equal(t, 2, c.fixture.Note.Query().CountX(c.a))
	require.True(t, fixtureent.IsConstraintError(bulk()))
}
