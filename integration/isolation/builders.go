package isolation

import (
	"context"
	"fmt"

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
		turns("E15-builder-edges", "counts with one query that has conditions on edges, under two tenants in turn",
			func() run {
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
		ownRows("E15-builder-update", "updates with one builder under two tenants in turn",
			func(ctx context.Context, p pair) (any, error) {
				many := client.Note.Update().Where(note.ID(p.own)).SetBody("changed")
				one := client.Note.UpdateOneID(p.own).SetBody("changed")
				n := 0
				for _, update := range []run{many.Save, func(ctx context.Context) (int, error) {
					return attack.Affected(one.Exec(ctx), ent.IsNotFound)
				}} {
					if _, err := update(ctx); err != nil {
						return nil, err
					}
					var err error
					if n, err = inTurn(ctx, p, update); err != nil {
						return nil, err
					}
				}
				return n, nil
			}),
		ownRows("E15-builder-delete", "deletes with one builder under two tenants in turn",
			func(ctx context.Context, p pair) (any, error) {
				if err := untag(ctx, client); err != nil {
					return nil, err
				}
				return inTurn(ctx, p, client.Note.Delete().Where(note.ID(p.own)).Exec)
			}),
	}
}

// run runs a builder and returns the number of rows.
type run func(ctx context.Context) (int, error)

// turns runs a query under the caller, the other tenant, and the caller again. Each run must find as many rows as a new
// query.
func turns(id, does string, build func() run) attack.Path {
	return ownCount(id, does, func(ctx context.Context, p pair) (any, error) {
		reused, n := build(), 0
		theirs, err := p.theirContext(ctx)
		if err != nil {
			return nil, err
		}
		for _, turn := range []context.Context{ctx, theirs, ctx} {
			due, err := build()(turn) //nolint:contextcheck // each turn has its own tenant
			if err != nil {
				return nil, err
			}
			if n, err = reused(turn); err != nil { //nolint:contextcheck // as above
				return nil, err
			}
			if n != due || n == 0 {
				return nil, fmt.Errorf("a reused builder finds %d rows, a new one %d", n, due)
			}
		}
		return n, nil
	})
}

// inTurn runs a builder on the caller's row as the other tenant, which must reach nothing, and then as the caller.
func inTurn(ctx context.Context, p pair, builder run) (int, error) {
	if p.tenant == p.theirs { // the row's owner has no other tenant
		return builder(ctx)
	}
	theirs, err := p.theirContext(ctx)
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

func (p pair) theirContext(ctx context.Context) (context.Context, error) {
	tenant, err := tenancy.FromUUID(p.theirs)
	return tenancy.With(tenancy.Detach(ctx), tenant), err
}
