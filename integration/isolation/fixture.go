package isolation

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/tag"
	"github.com/konstruct/konstruct/integration/fixture/ent/tagging"
	"github.com/konstruct/konstruct/tenancy/attack"
)

func tags(client *ent.Client) attack.Entity {
	return attack.Entity{
		Name: "Tag", Table: "public.fixture_tags",
		Create: func(ctx context.Context, mark string) (string, error) {
			row, err := client.Tag.Create().SetSlug(mark).Save(ctx)
			if err != nil {
				return "", err
			}
			return row.ID.String(), nil
		},
		List: func(ctx context.Context) (any, error) { return client.Tag.Query().WithNotes().All(ctx) },
		Get: func(ctx context.Context, id string) (any, error) {
			return client.Tag.Query().Where(tag.ID(uuid.MustParse(id))).All(ctx)
		},
		Update: func(ctx context.Context, id string) (int, error) {
			return affected(client.Tag.UpdateOneID(uuid.MustParse(id)).SetSlug("changed").Exec(ctx), ent.IsNotFound)
		},
		Delete: func(ctx context.Context, id string) (int, error) {
			return affected(client.Tag.DeleteOneID(uuid.MustParse(id)).Exec(ctx), ent.IsNotFound)
		},
		Paths: tagAttachments(client),
	}
}

func notes(client *ent.Client) attack.Entity {
	return attack.Entity{
		Name: "Note", Table: "public.fixture_notes",
		// A note has a tag of the same mark, so that the edges lead somewhere.
		Create: func(ctx context.Context, mark string) (string, error) {
			t, err := client.Tag.Create().SetSlug("tag-" + mark).Save(ctx)
			if err != nil {
				return "", err
			}
			row, err := client.Note.Create().SetSlug(mark).SetBody("body of " + mark).SetViews(1).SetMainTag(t).Save(ctx)
			if err != nil {
				return "", err
			}
			return row.ID.String(), client.Tagging.Create().SetNote(row).SetTag(t).Exec(ctx)
		},
		List: func(ctx context.Context) (any, error) { return client.Note.Query().All(ctx) },
		Get: func(ctx context.Context, id string) (any, error) {
			return client.Note.Query().Where(note.ID(uuid.MustParse(id))).All(ctx)
		},
		Update: func(ctx context.Context, id string) (int, error) {
			return affected(client.Note.UpdateOneID(uuid.MustParse(id)).AddViews(1).Exec(ctx), ent.IsNotFound)
		},
		Delete: func(ctx context.Context, id string) (int, error) {
			if _, err := client.Tagging.Delete().Where(tagging.NoteID(uuid.MustParse(id))).Exec(ctx); err != nil {
				return 0, err
			}
			return affected(client.Note.DeleteOneID(uuid.MustParse(id)).Exec(ctx), ent.IsNotFound)
		},
		Paths: slices.Concat(noteReads(client), noteWrites(client), noteBuilders(client)),
	}
}

func taggings(client *ent.Client) attack.Entity {
	return attack.Entity{
		Name: "Tagging", Table: "public.fixture_taggings",
		Create: func(ctx context.Context, mark string) (string, error) {
			n, err := client.Note.Create().SetSlug("tagged-" + mark).Save(ctx)
			if err != nil {
				return "", err
			}
			t, err := client.Tag.Create().SetSlug("tagging-" + mark).Save(ctx)
			if err != nil {
				return "", err
			}
			row, err := client.Tagging.Create().SetNote(n).SetTag(t).Save(ctx)
			if err != nil {
				return "", err
			}
			return row.ID.String(), nil
		},
		List: func(ctx context.Context) (any, error) { return client.Tagging.Query().WithNote().WithTag().All(ctx) },
		Get: func(ctx context.Context, id string) (any, error) {
			return client.Tagging.Query().Where(tagging.ID(uuid.MustParse(id))).All(ctx)
		},
		Update: func(ctx context.Context, id string) (int, error) {
			return client.Tagging.Update().Where(tagging.ID(uuid.MustParse(id))).Save(ctx)
		},
		Delete: func(ctx context.Context, id string) (int, error) {
			return affected(client.Tagging.DeleteOneID(uuid.MustParse(id)).Exec(ctx), ent.IsNotFound)
		},
	}
}
