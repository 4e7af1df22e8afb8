package isolation

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/tagging"
	"github.com/konstruct/konstruct/tenancy/attack"
)

// notes creates each note with a tag on both of its edges, because the paths follow them.
func notes(client *ent.Client) attack.Entity {
	return attack.Entity{
		Name: "Note",
		Create: func(ctx context.Context, canary string) (string, error) {
			t, err := client.Tag.Create().SetSlug("tag-" + canary).Save(ctx)
			if err != nil {
				return "", err
			}
			row, err := client.Note.Create().SetSlug(canary).SetBody("body of " + canary).
				SetViews(1).SetMainTag(t).Save(ctx)
			if err != nil {
				return "", err
			}
			return row.ID.String(), client.Tagging.Create().SetNote(row).SetTag(t).Exec(ctx)
		},
		Delete: func(ctx context.Context, id string) (int, error) {
			if _, err := client.Tagging.Delete().Where(tagging.NoteID(uuid.MustParse(id))).Exec(ctx); err != nil {
				return 0, err
			}
			return client.Note.Delete().Where(note.ID(uuid.MustParse(id))).Exec(ctx)
		},
		Paths: slices.Concat(noteReads(client), noteWrites(client), noteBuilders(client)),
	}
}
