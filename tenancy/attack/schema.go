package attack

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
)

// Mutation is Ent's.
type Mutation = ent.Mutation

// Schema describes an Ent schema. mixin.AttacksTemplate generates it.
type Schema struct {
	// Name is the Ent schema's, Table the table's with its schema ("public.agents").
	Name, Table string
	Fields      []Field
	// Edges are those whose foreign key is in the table.
	Edges []Edge
	// Create and Update set fields by fill.
	Create func(ctx context.Context, fill func(Mutation) error) (id string, err error)
	Update func(ctx context.Context, id string, fill func(Mutation) error) error
	// List reads all rows with their edges, IDs their ids.
	List   func(ctx context.Context) (any, error)
	IDs    func(ctx context.Context) ([]string, error)
	Get    func(ctx context.Context, id string) (any, error)
	Delete func(ctx context.Context, id string) error
	// NotFound is the client's IsNotFound.
	NotFound func(error) bool
}

// Edge is an edge to a row of a schema.
type Edge struct {
	// Name is the edge's, To the name of the other schema.
	Name, To string
	Required bool
	Set      func(m Mutation, id string)
}

// Override changes what [Entities] registers for the schema with its Name: callbacks that are not nil replace the
// generated ones, and Paths are added. Without such a schema, the entity is registered as it is.
type Override struct {
	Entity

	// Values returns values of fields, by name, in place of generated ones.
	Values func(canary string) map[string]any
}

// Entities registers the tenant-scoped schemas of an Ent client. It generates rows' values from the fields' types and
// validators, and creates the rows that edges need; optional edges are set unless they lead back. A value that the
// table refuses fails the suite: set another one in an [Override].
func Entities(schemas []Schema, overrides ...Override) []Entity {
	g := generator{schemas: schemas, overrides: overrides}
	var entities []Entity
	for i := range schemas {
		if schemas[i].scoped() {
			entities = append(entities, g.entity(&schemas[i]))
		}
	}
	for _, o := range overrides {
		if g.schema(o.Name) == nil {
			entities = append(entities, o.Entity)
		}
	}
	return entities
}

type generator struct {
	schemas   []Schema
	overrides []Override
}

type row struct {
	canary string
	tenant string
	edges  map[string]string
	// within are the schemas whose rows wait for this one.
	within []string
}

func (g generator) schema(name string) *Schema {
	for i := range g.schemas {
		if g.schemas[i].Name == name {
			return &g.schemas[i]
		}
	}
	return nil
}

func (g generator) override(name string) Override {
	for _, o := range g.overrides {
		if o.Name == name {
			return o
		}
	}
	return Override{}
}

func (s *Schema) scoped() bool {
	return slices.ContainsFunc(s.Fields, func(f Field) bool { return f.Name == tenantColumn })
}

func (g generator) entity(s *Schema) Entity {
	e := Entity{
		Name: s.Name, Table: s.Table, List: s.List, Get: s.Get,
		Create: func(ctx context.Context, canary string) (string, error) {
			return g.create(ctx, s, row{canary: canary})
		},
		Update: func(ctx context.Context, id string) (int, error) {
			err := s.Update(ctx, id, func(m Mutation) error { return g.change(s, m) })
			return Affected(err, s.NotFound)
		},
		Delete: func(ctx context.Context, id string) (int, error) { return Affected(s.Delete(ctx, id), s.NotFound) },
		Paths:  g.paths(s),
	}
	o := g.override(s.Name)
	if o.Create != nil {
		e.Create = o.Create
	}
	if o.List != nil {
		e.List = o.List
	}
	if o.Get != nil {
		e.Get = o.Get
	}
	if o.Update != nil {
		e.Update = o.Update
	}
	if o.Delete != nil {
		e.Delete = o.Delete
	}
	e.Paths = append(e.Paths, o.Paths...)
	return e
}

// Affected returns how many rows the update or deletion of one row reached: 0 if err is the client's not-found error.
func Affected(err error, notFound func(error) bool) (int, error) {
	switch {
	case err == nil:
		return 1, nil
	case notFound(err):
		return 0, nil
	}
	return 0, err
}

// create inserts a row with its optional fields and edges or, if the table refuses that, without them.
func (g generator) create(ctx context.Context, s *Schema, r row) (string, error) {
	r.within = append(slices.Clone(r.within), s.Name)
	id, err := g.insert(ctx, s, r, true)
	if err != nil {
		id, err = g.insert(ctx, s, r, false)
	}
	if err != nil {
		return "", fmt.Errorf(
			"attack: create a %s from generated values: %w (attack.Override replaces values and callbacks)",
			s.Name, err)
	}
	return id, nil
}

func (g generator) insert(ctx context.Context, s *Schema, r row, optional bool) (string, error) {
	edges := map[string]string{}
	for i, e := range s.Edges {
		id, ok := r.edges[e.Name]
		if !ok && (e.Required || optional && !slices.Contains(r.within, e.To)) {
			var err error
			// Attempts and edges have different canaries, for unique keys.
			if id, err = g.referenced(ctx, e, row{
				canary: fmt.Sprintf("%s%t%d", r.canary, optional, i), within: r.within,
			}); err != nil {
				return "", err
			}
		}
		edges[e.Name] = id
	}
	return s.Create(ctx, func(m Mutation) error {
		for _, e := range s.Edges {
			if edges[e.Name] != "" {
				e.Set(m, edges[e.Name])
			}
		}
		return g.fill(s, m, r, optional)
	})
}

func (g generator) referenced(ctx context.Context, e Edge, r row) (string, error) {
	to := g.schema(e.To)
	switch {
	case to == nil:
		return "", fmt.Errorf("edge %s leads to %s, which is not described", e.Name, e.To)
	case slices.Contains(r.within, e.To):
		return "", fmt.Errorf("edge %s requires a %s, whose row is being created", e.Name, e.To)
	}
	if create := g.override(e.To).Create; create != nil {
		return create(ctx, r.canary)
	}
	return g.create(ctx, to, r)
}

// fill sets a new row's overridden and required fields, and the optional ones that can hold the canary.
func (g generator) fill(s *Schema, m Mutation, r row, optional bool) error {
	given := g.values(s, r.canary)
	for name, value := range given {
		if err := m.SetField(name, value); err != nil {
			return err
		}
	}
	for _, f := range s.Fields {
		value, err := f.value(r.canary)
		switch _, ok := given[f.Name]; {
		case f.Name == tenantColumn && r.tenant != "":
			value, err = uuid.Parse(r.tenant)
		case ok || f.Name == tenantColumn || !f.Required && (!optional || err != nil || !f.holdsCanary()):
			continue
		}
		if err != nil {
			return err
		}
		if err := m.SetField(f.Name, value); err != nil {
			return err
		}
	}
	return nil
}

func (g generator) values(s *Schema, canary string) map[string]any {
	if values := g.override(s.Name).Values; values != nil {
		return values(canary)
	}
	return nil
}

// change sets one mutable field of an existing row, if any: preferably a required text, which is generated for each row
// anyway, or an enum.
func (g generator) change(s *Schema, m Mutation) error {
	canary := newCanary()
	for _, fits := range []func(Field) bool{
		func(f Field) bool { return f.Required && f.holdsCanary() },
		func(f Field) bool { return len(f.Enum) > 0 },
		Field.holdsCanary,
	} {
		for _, f := range s.Fields {
			if f.Immutable || f.Name == tenantColumn || !fits(f) {
				continue
			}
			value, ok := g.values(s, canary)[f.Name]
			if !ok {
				var err error
				if value, err = f.value(canary); err != nil {
					return err
				}
			}
			return m.SetField(f.Name, value)
		}
	}
	return nil
}

// paths are the ways through every Ent client besides an [Entity]'s callbacks.
func (g generator) paths(s *Schema) []Path {
	paths := []Path{
		{
			ID: "E10-ids", Does: "reads the ids", Want: WantOwn,
			Try: func(ctx context.Context, _, _ Row) (any, error) { return s.IDs(ctx) },
		},
		{
			ID: "E21-create-for-other", Does: "creates a row for another tenant", Want: WantRefused,
			Try: func(ctx context.Context, _, aim Row) (any, error) {
				_, err := g.create(ctx, s, row{canary: newCanary(), tenant: aim.Tenant})
				return nil, err
			},
		},
	}
	for _, e := range s.Edges {
		if to := g.schema(e.To); to != nil && to.scoped() {
			paths = append(paths, g.edgePath(s, e, to))
		}
	}
	return paths
}

func (g generator) edgePath(s *Schema, e Edge, to *Schema) Path {
	return Path{
		ID:   "E32-create-with-" + strings.ReplaceAll(e.Name, "_", "-"),
		Does: "creates a row whose edge " + e.Name + " leads to another tenant's row", Want: WantRefused,
		Try: func(ctx context.Context, _, aim Row) (any, error) {
			tenant, err := tenancy.Parse(aim.Tenant)
			if err != nil {
				return nil, err
			}
			theirs := tenancy.With(tenancy.Detach(ctx), tenant)
			ids, err := to.IDs(theirs)
			if err == nil && len(ids) == 0 {
				ids = make([]string, 1)
				ids[0], err = g.referenced(theirs, e, row{canary: newCanary()})
			}
			if err != nil {
				return nil, err
			}
			_, err = g.create(ctx, s, row{canary: newCanary(), edges: map[string]string{e.Name: ids[0]}})
			return nil, err
		},
	}
}

func newCanary() string { return "canary" + strings.ToLower(rand.Text()) }
