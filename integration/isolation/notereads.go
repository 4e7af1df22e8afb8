package isolation

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/entql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/predicate"
	"github.com/konstruct/konstruct/integration/fixture/ent/privacy"
	"github.com/konstruct/konstruct/integration/fixture/ent/tag"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// pair is a row of the caller's and the target row, with its canary.
type pair struct {
	own, aim uuid.UUID
	canary   string
}

func path(id, does string, want attack.Want, try func(ctx context.Context, p pair) (any, error)) attack.Path {
	return attack.Path{ID: id, Does: does, Want: want, Try: func(ctx context.Context, own, aim attack.Row) (any, error) {
		return try(ctx, pair{own: uuid.MustParse(own.ID), aim: uuid.MustParse(aim.ID), canary: aim.Canary})
	}}
}

func noteReads(client *ent.Client) []attack.Path {
	return append(append(plainReads(client), edgeReads(client)...), freeReads(client)...)
}

func plainReads(client *ent.Client) []attack.Path {
	return []attack.Path{
		path("E10-count", "counts the rows", attack.WantOwnCount, func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().Count(ctx)
		}),
		path("E10-exist", "tests whether a row exists", attack.WantNothing, func(ctx context.Context, p pair) (any, error) {
			return client.Note.Query().Where(note.ID(p.aim)).Exist(ctx)
		}),
		path("E10-only", "gets the only row with an id", attack.WantNothing,
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Get(ctx, p.aim)
			}),
		path("E10-group", "groups the rows", attack.WantOwn, func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().GroupBy(note.FieldSlug).Strings(ctx)
		}),
		path("E10-select", "selects a column", attack.WantOwn, func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().Select(note.FieldSlug).Strings(ctx)
		}),
		path("E10-aggregate", "sums a column", attack.WantOwnCount, func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().Aggregate(ent.Sum(note.FieldViews)).Int(ctx) // each note has one view
		}),
		path("E10-lock", "locks a row", attack.WantNothing, func(ctx context.Context, p pair) (any, error) {
			return inTx(ctx, client, func(ctx context.Context, tx *ent.Tx) (any, error) {
				return tx.Note.Query().Where(note.ID(p.aim)).ForUpdate().All(ctx)
			})
		}),
		path("E10-transaction", "reads in a transaction", attack.WantOwn, func(ctx context.Context, _ pair) (any, error) {
			return inTx(ctx, client, func(ctx context.Context, tx *ent.Tx) (any, error) { return tx.Note.Query().All(ctx) })
		}),
		path("E10-page", "reads a page", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().Order(note.ByID()).Where(note.IDGT(uuid.Nil)).Limit(100).All(ctx)
			}),
	}
}

func edgeReads(client *ent.Client) []attack.Path {
	return []attack.Path{
		path("E11-eager", "loads edges with the rows", attack.WantOwn, func(ctx context.Context, _ pair) (any, error) {
			rows, err := client.Note.Query().WithTags().WithMainTag().WithChildren().WithParent().WithTaggings().All(ctx)
			return edgesOf(rows), err
		}),
		path("E11-eager-named", "loads named edges", attack.WantOwn, func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().WithNamedTags("all", func(q *ent.TagQuery) { q.Where(tag.SlugNEQ("")) }).All(ctx)
		}),
		path("E11-walk", "walks an edge from a row's id", attack.WantNothing,
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(note.ID(p.aim)).QueryTags().All(ctx)
			}),
		path("E11-walk-back", "walks an edge and back", attack.WantOwn, func(ctx context.Context, p pair) (any, error) {
			return client.Note.Query().Where(note.ID(p.own)).QueryMainTag().QueryNotes().All(ctx)
		}),
		path("E12-has-with", "counts its rows that have an edge to a value", attack.WantNothing,
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(note.HasMainTagWith(tag.Slug("tag-" + p.canary))).Count(ctx)
			}),
		path("E12-has-many-with", "the same, over a many-to-many edge", attack.WantNothing,
			func(ctx context.Context, p pair) (any, error) {
				return client.Tag.Query().Where(tag.HasNotesWith(note.Slug(p.canary))).Count(ctx)
			}),
		path("E12-has-any", "counts rows with an edge to a row", attack.WantNothing,
			func(ctx context.Context, p pair) (any, error) {
				return client.Tag.Query().Where(tag.HasMainNotesWith(note.ID(p.aim))).Count(ctx)
			}),
		path("E12-order-by-edge", "orders by the number of an edge's rows", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				return client.Tag.Query().Order(tag.ByMainNotesCount(sql.OrderDesc()), tag.ByNotesCount()).All(ctx)
			}),
	}
}

func freeReads(client *ent.Client) []attack.Path {
	everything := predicate.Note(func(s *sql.Selector) { s.Or().Where(sql.ExprP("true")) })
	return []attack.Path{
		path("E13-or", "ORs the mixin's condition with true", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().Where(everything).All(ctx)
			}),
		path("E13-or-in-edge", "the same, inside a condition on an edge", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				return client.Tag.Query().Where(tag.Or(tag.HasMainNotesWith(everything), tag.SlugNEQ(""))).All(ctx)
			}),
		path("E13-modify-join", "joins the whole table by a modifier", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				var slugs []string
				err := client.Note.Query().Modify(func(s *sql.Selector) {
					t := sql.Table(note.Table).As("all_notes")
					s.Join(t).OnP(sql.ExprP("true")).Select(t.C(note.FieldSlug))
				}).Scan(ctx, &slugs)
				return slugs, err
			}),
		path("E13-modify-clear", "drops all conditions by a modifier", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().Modify(func(s *sql.Selector) { s.SetP(nil).Select(s.C(note.FieldSlug)) }).Strings(ctx)
			}),
		path("E13-subquery", "reads the whole table in a subquery", attack.WantNothing,
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(func(s *sql.Selector) {
					t := sql.Table(note.Table)
					s.Where(sql.Exists(sql.Select(t.C(note.FieldID)).From(t).Where(sql.EQ(t.C(note.FieldID), p.aim))))
				}).All(ctx)
			}),
		path("E13-filter", "filters by entql", attack.WantOwn, func(ctx context.Context, p pair) (any, error) {
			q := client.Note.Query()
			q.Filter().Where(entql.Or(entql.FieldNEQ(note.FieldSlug, ""), entql.FieldEQ(note.FieldID, p.aim)))
			return q.All(ctx)
		}),
		path("E14-privacy", "allows everything by Ent's privacy layer", attack.WantOwn,
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().All(privacy.DecisionContext(ctx, privacy.Allow))
			}),
	}
}

// edgesOf returns loaded edges, which Ent's String omits.
func edgesOf(rows []*ent.Note) []ent.NoteEdges {
	var edges []ent.NoteEdges
	for _, row := range rows {
		edges = append(edges, row.Edges)
	}
	return edges
}

// inTx is pgtenant.InTx with a result.
func inTx(ctx context.Context, client *ent.Client, do func(context.Context, *ent.Tx) (any, error)) (got any, err error) {
	err = pgtenant.InTx(ctx, client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		got, err = do(ctx, tx)
		return err
	})
	return got, err
}
