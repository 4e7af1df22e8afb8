package isolation

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/entql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/integration/fixture/ent"
	"github.com/konstruct/konstruct/integration/fixture/ent/note"
	"github.com/konstruct/konstruct/integration/fixture/ent/privacy"
	"github.com/konstruct/konstruct/integration/fixture/ent/tag"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// pair is a row of the caller's and the target row, with its canary.
type pair struct {
	own, aim       uuid.UUID
	canary         string
	tenant, theirs uuid.UUID // the rows'
}

type try func(ctx context.Context, p pair) (any, error)

func path(id, does string, want attack.Want, try try) attack.Path {
	return attack.Path{ID: id, Does: does, Want: want, Try: func(
		ctx context.Context, own, aim attack.Row,
	) (any, error) {
		return try(ctx, pair{
			own: uuid.MustParse(own.ID), tenant: uuid.MustParse(own.Tenant),
			aim: uuid.MustParse(aim.ID), theirs: uuid.MustParse(aim.Tenant), canary: aim.Canary,
		})
	}}
}

func nothing(id, does string, try try) attack.Path { return path(id, does, attack.WantNothing, try) }

func ownRows(id, does string, try try) attack.Path { return path(id, does, attack.WantOwn, try) }

func ownCount(id, does string, try try) attack.Path { return path(id, does, attack.WantOwnCount, try) }

func refused(id, does string, try try) attack.Path { return path(id, does, attack.WantRefused, try) }

func noteReads(client *ent.Client) []attack.Path {
	return slices.Concat(plainReads(client), edgeReads(client), freeReads(client))
}

func plainReads(client *ent.Client) []attack.Path {
	return []attack.Path{
		ownCount("E10-count", "counts the rows", func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().Count(ctx)
		}),
		nothing("E10-exist", "tests whether a row exists",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(note.ID(p.aim)).Exist(ctx)
			}),
		nothing("E10-only", "gets the only row with an id",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Get(ctx, p.aim)
			}),
		ownRows("E10-group", "groups the rows", func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().GroupBy(note.FieldSlug).Strings(ctx)
		}),
		ownRows("E10-select", "selects a column", func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().Select(note.FieldSlug).Strings(ctx)
		}),
		ownCount("E10-aggregate", "sums a column", func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().Aggregate(ent.Sum(note.FieldViews)).Int(ctx) // each note has one view
		}),
		nothing("E10-lock", "locks a row", func(ctx context.Context, p pair) (any, error) {
			return inTx(ctx, client, func(ctx context.Context, tx *ent.Tx) (any, error) {
				return tx.Note.Query().Where(note.ID(p.aim)).ForUpdate().All(ctx)
			})
		}),
		ownRows("E10-transaction", "reads in a transaction",
			func(ctx context.Context, _ pair) (any, error) {
				return inTx(ctx, client, func(ctx context.Context, tx *ent.Tx) (any, error) {
					return tx.Note.Query().All(ctx)
				})
			}),
		ownRows("E10-page", "reads a page",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().Order(note.ByID()).Where(note.IDGT(uuid.Nil)).Limit(100).All(ctx)
			}),
	}
}

func edgeReads(client *ent.Client) []attack.Path {
	return []attack.Path{
		ownRows("E11-eager", "loads edges with the rows", func(ctx context.Context, _ pair) (any, error) {
			rows, err := client.Note.Query().WithTags().WithMainTag().WithChildren().WithParent().
				WithTaggings().All(ctx)
			return edgesOf(rows), err
		}),
		ownRows("E11-eager-named", "loads named edges", func(ctx context.Context, _ pair) (any, error) {
			return client.Note.Query().WithNamedTags("all", func(q *ent.TagQuery) { q.Where(tag.SlugNEQ("")) }).All(ctx)
		}),
		nothing("E11-walk", "walks an edge from a row's id",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(note.ID(p.aim)).QueryTags().All(ctx)
			}),
		ownRows("E11-walk-back", "walks an edge and back", func(ctx context.Context, p pair) (any, error) {
			return client.Note.Query().Where(note.ID(p.own)).QueryMainTag().QueryNotes().All(ctx)
		}),
		nothing("E12-has-with", "counts its rows that have an edge to a value",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(note.HasMainTagWith(tag.Slug("tag-" + p.canary))).Count(ctx)
			}),
		nothing("E12-has-many-with", "the same, over a many-to-many edge",
			func(ctx context.Context, p pair) (any, error) {
				return client.Tag.Query().Where(tag.HasNotesWith(note.Slug(p.canary))).Count(ctx)
			}),
		nothing("E12-has-any", "counts rows with an edge to a row",
			func(ctx context.Context, p pair) (any, error) {
				return client.Tag.Query().Where(tag.HasMainNotesWith(note.ID(p.aim))).Count(ctx)
			}),
		ownRows("E12-order-by-edge", "orders by the number of an edge's rows",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Tag.Query().Order(tag.ByMainNotesCount(sql.OrderDesc()), tag.ByNotesCount()).All(ctx)
			}),
	}
}

func freeReads(client *ent.Client) []attack.Path {
	return []attack.Path{
		ownRows("E13-or", "ORs the mixin's condition with true",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().Where(orTrue).All(ctx)
			}),
		ownRows("E13-or-in-edge", "the same, inside a condition on an edge",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Tag.Query().Where(tag.Or(tag.HasMainNotesWith(orTrue), tag.SlugNEQ(""))).All(ctx)
			}),
		ownRows("E13-modify-join", "joins the whole table by a modifier",
			func(ctx context.Context, _ pair) (any, error) {
				var slugs []string
				err := client.Note.Query().Modify(func(s *sql.Selector) {
					t := sql.Table(note.Table).As("all_notes")
					s.Join(t).OnP(sql.ExprP("true")).Select(t.C(note.FieldSlug))
				}).Scan(ctx, &slugs)
				return slugs, err
			}),
		ownRows("E13-modify-clear", "drops all conditions by a modifier",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().Modify(func(s *sql.Selector) {
					s.SetP(nil).Select(s.C(note.FieldSlug))
				}).Strings(ctx)
			}),
		nothing("E13-subquery", "reads the whole table in a subquery",
			func(ctx context.Context, p pair) (any, error) {
				return client.Note.Query().Where(func(s *sql.Selector) {
					t := sql.Table(note.Table)
					s.Where(sql.Exists(sql.Select(t.C(note.FieldID)).From(t).Where(sql.EQ(t.C(note.FieldID), p.aim))))
				}).All(ctx)
			}),
		ownRows("E13-filter", "filters by entql", func(ctx context.Context, p pair) (any, error) {
			q := client.Note.Query()
			q.Filter().Where(entql.Or(entql.FieldNEQ(note.FieldSlug, ""), entql.FieldEQ(note.FieldID, p.aim)))
			return q.All(ctx)
		}),
		ownRows("E14-privacy", "allows everything by Ent's privacy layer",
			func(ctx context.Context, _ pair) (any, error) {
				return client.Note.Query().All(privacy.DecisionContext(ctx, privacy.Allow))
			}),
	}
}

// orTrue ORs the other conditions with true.
func orTrue(s *sql.Selector) { s.Or().Where(sql.ExprP("true")) }

// edgesOf returns loaded edges, which Ent's String omits.
func edgesOf(rows []*ent.Note) []ent.NoteEdges {
	var edges []ent.NoteEdges
	for _, row := range rows {
		edges = append(edges, row.Edges)
	}
	return edges
}

// inTx is pgtenant.InTx with a result.
func inTx(
	ctx context.Context, client *ent.Client, do func(context.Context, *ent.Tx) (any, error),
) (got any, err error) {
	err = pgtenant.InTx(ctx, client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		got, err = do(ctx, tx)
		return err
	})
	return got, err
}
