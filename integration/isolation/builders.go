package isolation

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/tag"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
)

// noteBuilders run one builder under two tenants in turn. Each run must be confined to its own tenant.
func noteBuilders(client *ent.Client) []attack.Path {
	return []attack.Path{
		turns("E15-builder-count", "counts with one query under two tenants in turn", func() run {
			return client.Note.Query().Count
		}),
		turns("E15-builder-edges", "counts with one query that has conditions on edges, under two tenants in turn", func() run {
			return client.Note.Query().Where(note.HasMainTagWith(tag.SlugNEQ(""))).WithTags().WithMainTag().Count
		}),
		turns("E15-builder-rows", "reads with one query and its edges under two tenants in turn", func() run {
			q := client.Note.Query().WithMainTag().WithTags().Order(note.ByMainTagField(tag.FieldSlug))
			return func(ctx context.Context) (int, error) {
				rows, err := q.All(ctx)
				for _, row := range rows {
					if row.Edges.MainTag == nil || len(row.Edges.Tags) != 1 {
						return 0, fmt.Errorf("an edge is missing: %d tags", len(row.Edges.Tags))
					}
				}
				return len(rows), err
			}
		}),
		turns("E15-builder-group", "groups with one query under two tenants in turn", func() run {
			q := client.Note.Query().GroupBy(note.FieldSlug)
			return func(ctx context.Context) (int, error) {
				slugs, err := q.Strings(ctx)
				return len(slugs), err
			}
		}),
		{
			ID: "E15-builder-update", Does: "updates with one builder under two tenants in turn", Want: attack.WantOwn,
			Try: func(ctx context.Context, own, aim attack.Row) (any, error) {
				id := uuid.MustParse(own.ID)
				many := client.Note.Update().Where(note.ID(id)).SetBody("changed")
				one := client.Note.UpdateOneID(id).SetBody("changed")
				return reached(ctx, own, aim, many.Save, func(ctx context.Context) (int, error) {
					return attack.Affected(one.Exec(ctx), ent.IsNotFound)
				})
			},
		},
		{
			ID: "E15-builder-delete", Does: "deletes with one builder under two tenants in turn", Want: attack.WantOwn,
			Try: func(ctx context.Context, own, aim attack.Row) (any, error) {
				if _, err := client.Tagging.Delete().Exec(ctx); err != nil {
					return nil, err
				}
				if own.Tenant == aim.Tenant {
					return client.Note.Delete().Where(note.ID(uuid.MustParse(own.ID))).Exec(ctx)
				}
				return inTurn(ctx, aim, client.Note.Delete().Where(note.ID(uuid.MustParse(own.ID))).Exec)
			},
		},
	}
}

// run runs a builder and returns the number of rows.
type run func(ctx context.Context) (int, error)

// turns runs a query under the caller, the other tenant, and the caller again. Each run must find as many rows as a new
// query.
func turns(id, does string, build func() run) attack.Path {
	return attack.Path{ID: id, Does: does, Want: attack.WantOwnCount, Try: func(ctx context.Context, _, aim attack.Row) (any, error) {
		reused, n := build(), 0
		theirs, err := tenantContext(ctx, aim.Tenant)
		if err != nil {
			return nil, err
		}
		for _, turn := range []context.Context{ctx, theirs, ctx} {
			if n, err = compare(turn, build(), reused); err != nil { //nolint:contextcheck // each turn has its own tenant
				return nil, err
			}
		}
		return n, nil
	}}
}

// compare requires that a reused builder finds as many rows as a new one.
func compare(ctx context.Context, made, reused run) (int, error) {
	due, err := made(ctx)
	if err != nil {
		return 0, err
	}
	n, err := reused(ctx)
	if err == nil && (n != due || n == 0) {
		err = fmt.Errorf("a reused builder finds %d rows, a new one %d", n, due)
	}
	return n, err
}

// reached runs builders on the caller's own row, which only the caller reaches.
func reached(ctx context.Context, own, aim attack.Row, builders ...run) (any, error) {
	n := 0
	for _, builder := range builders {
		first, err := builder(ctx)
		if err != nil {
			return nil, err
		}
		if n, err = inTurn(ctx, aim, builder); err != nil && own.Tenant != aim.Tenant {
			return nil, err
		}
		n += first
	}
	return n, nil
}

// inTurn runs a builder as the other tenant, which must reach nothing, and then as the caller.
func inTurn(ctx context.Context, aim attack.Row, builder run) (int, error) {
	theirs, err := tenantContext(ctx, aim.Tenant)
	if err != nil {
		return 0, err
	}
	n, err := builder(theirs)
	switch {
	case err != nil:
		return 0, fmt.Errorf("the other tenant: %w", err)
	case n != 0:
		return 0, fmt.Errorf("the other tenant reached %d rows", n)
	}
	n, err = builder(ctx)
	if err == nil && n != 1 {
		err = fmt.Errorf("the caller reached %d of its rows instead of 1", n)
	}
	return n, err
}

func tenantContext(ctx context.Context, id string) (context.Context, error) {
	tenant, err := tenancy.Parse(id)
	if err != nil {
		return nil, err
	}
	return tenancy.With(tenancy.Detach(ctx), tenant), nil
}
