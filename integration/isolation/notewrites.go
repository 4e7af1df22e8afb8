package isolation

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"

	"github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/privacy"
	"github.com/konstruct/konstruct/integration/fixture/ent/tag"
	"github.com/konstruct/konstruct/tenancy/attack"
)

func noteWrites(client *ent.Client) []attack.Path {
	return slices.Concat(changes(client), additions(client), attachments(client))
}

func changes(client *ent.Client) []attack.Path {
	return []attack.Path{
		nothing("E20-update-many", "updates all rows with an id",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Update().Where(note.ID(p.aim)).SetBody("changed").Save(ctx)
			}),
		ownCount("E20-update-or", "updates with the mixin's condition ORed with true",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Update().Where(orTrue).SetBody("changed").Save(ctx)
			}),
		nothing("E20-update-edge", "updates rows that are found by an edge",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Update().Where(note.HasMainTagWith(tag.Slug("tag-" + p.canary))).
					SetBody("changed").Save(ctx)
			}),
		nothing("E20-update-in-transaction", "updates a row in a transaction",
			func(ctx context.Context, p pair) (any, error) {
				return inTx(ctx, client, func(ctx context.Context, tx *ent.Tx) (any, error) {
					return attack.Affected(tx.Note.UpdateOneID(p.aim).SetBody("changed").Exec(ctx), ent.IsNotFound)
				})
			}),
		refused("E20-update-modify", "sets another tenant on its row by an update's modifier",
			func(ctx context.Context, p pair) (any, error) {
				give := func(u *sql.UpdateBuilder) { u.Set(note.FieldTenantID, p.theirs) }
				return client.Note.Update().Where(note.ID(p.own)).Modify(give).Save(ctx)
			}),
		nothing("E20-delete-many", "deletes all rows with an id",
			func(ctx context.Context, p pair) (any, error) {
				if err := untag(ctx, client); err != nil {
					return nil, err
				}
				return client.Note.Delete().Where(note.ID(p.aim)).Exec(ctx)
			}),
		ownCount("E20-delete-or", "deletes with the mixin's condition ORed with true",
			func(ctx context.Context, _ pair) (any, error) {
				if err := untag(ctx, client); err != nil {
					return nil, err
				}
				return client.Note.Delete().Where(orTrue).Exec(ctx)
			}),
		nothing("E20-privacy", "allows an update by Ent's privacy layer",
			func(ctx context.Context, p pair) (any, error) {
				ctx = privacy.DecisionContext(ctx, privacy.Allow)
				return client.Note.Update().Where(note.ID(p.aim)).SetBody("changed").Save(ctx)
			}),
	}
}

// untag deletes the caller's taggings, which reference its notes.
func untag(ctx context.Context, client *ent.Client) error {
	_, err := client.Tagging.Delete().Exec(ctx)
	return err
}

func additions(client *ent.Client) []attack.Path {
	return []attack.Path{
		refused("E21-bulk-for-other", "creates another tenant's row among its own in a bulk",
			func(ctx context.Context, p pair) (any, error) {
				return nil, client.Note.CreateBulk(
					client.Note.Create().SetSlug("new1"), client.Note.Create().SetTenantID(p.theirs).SetSlug("new2"),
				).Exec(ctx)
			}),
		nothing("E22-move", "changes a row's tenant behind the builder, which has no method for it",
			func(ctx context.Context, p pair) (any, error) { return move(ctx, client, p) }),
		refused("E23-upsert", "overwrites a row by its id",
			func(ctx context.Context, p pair) (any, error) {
				return nil, client.Note.Create().SetID(p.aim).SetSlug("stolen").
					OnConflictColumns(note.FieldID).UpdateNewValues().Exec(ctx)
			}),
		refused("E23-upsert-bulk", "overwrites a row in a bulk",
			func(ctx context.Context, p pair) (any, error) {
				own, aim := client.Note.Create().SetSlug("new3"), client.Note.Create().SetID(p.aim).SetSlug("stolen")
				return nil, client.Note.CreateBulk(own, aim).
					OnConflictColumns(note.FieldID).Update(func(u *ent.NoteUpsert) { u.UpdateBody() }).Exec(ctx)
			}),
		ownRows("E23-upsert-same-slug", "upserts a value that another tenant has too",
			func(ctx context.Context, p pair) (any, error) {
				// The slug is unique within a tenant: the owner updates its own row, another tenant creates one.
				return client.Note.Create().SetSlug(p.canary).SetBody("changed").
					OnConflictColumns(note.FieldTenantID, note.FieldSlug).UpdateBody().ID(ctx)
			}),
	}
}

// move changes a row's tenant, if it can, and reports whether the row then belongs to the other tenant.
func move(ctx context.Context, client *ent.Client, p pair) (bool, error) {
	update := client.Note.UpdateOneID(p.own).SetBody("changed")
	update.Mutation().SetTenantID(p.theirs)
	if err := update.Mutation().SetField(note.FieldTenantID, p.theirs); err != nil {
		return false, err
	}
	if err := update.Exec(ctx); err != nil {
		return false, err
	}
	row, err := client.Note.Get(ctx, p.own)
	return err == nil && row.TenantID == p.theirs, err
}

// attachments create edges between rows of different tenants.
func attachments(client *ent.Client) []attack.Path {
	return []attack.Path{
		refused("E30-parent", "makes another tenant's row the parent of its own",
			func(ctx context.Context, p pair) (any, error) {
				return nil, client.Note.UpdateOneID(p.own).SetParentID(p.aim).Exec(ctx)
			}),
		refused("E30-child", "adds another tenant's row to the children of its own",
			func(ctx context.Context, p pair) (any, error) {
				return nil, client.Note.UpdateOneID(p.own).AddChildIDs(p.aim).Exec(ctx)
			}),
	}
}

// tagAttachments use a composite edge and a many-to-many edge to tags.
func tagAttachments(client *ent.Client) []attack.Path {
	return []attack.Path{
		refused("E31-many", "adds another tenant's tag over a many-to-many edge",
			func(ctx context.Context, p pair) (any, error) {
				return nil, client.Note.Create().SetSlug("tagged").AddTagIDs(p.aim).Exec(ctx)
			}),
		refused("E31-many-by-update", "the same, by an update",
			func(ctx context.Context, p pair) (any, error) {
				row, err := client.Note.Create().SetSlug("untagged").Save(ctx)
				if err != nil {
					return nil, err
				}
				return nil, client.Note.UpdateOne(row).AddTagIDs(p.aim).Exec(ctx)
			}),
		refused("E31-edge-row", "writes the edge's row directly",
			func(ctx context.Context, p pair) (any, error) {
				row, err := client.Note.Create().SetSlug("linked").Save(ctx)
				if err != nil {
					return nil, err
				}
				return nil, client.Tagging.Create().SetNoteID(row.ID).SetTagID(p.aim).Exec(ctx)
			}),
	}
}
