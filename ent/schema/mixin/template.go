package mixin

import (
	_ "embed"
	"maps"
	"reflect"
	"slices"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"
)

// Template is the generator's template for the methods by which [Tenant] confines queries and mutations. Pass it to
// Ent's generator:
//
//	tmpl := gen.MustParse(gen.NewTemplate("wherep").Parse(mixin.Template))
//	entc.Generate("./schema", &gen.Config{Templates: []*gen.Template{tmpl}, …})
//
//go:embed wherep.tmpl
var Template string

// ReturnedTemplate is the generator's template for the method by which package tenancy/pgtenant/returning reads the
// row of a create into its node. The generator's step that calls the package needs it (tools/entgen), and it needs
// [RowsTemplate].
//
//go:embed returned.tmpl
var ReturnedTemplate string

// AttacksTemplate is the generator's template for the package attacks below the client, which describes the schemas to
// the attack kit (attack.Entities).
//
//go:embed attacks.tmpl
var AttacksTemplate string

// ReplaceP returns the predicates with p at their end, in the place of those with p's code: the same function literal,
// which an earlier run of the builder made for another tenant. It is for the code that [Template] generates.
func ReplaceP[P ~func(*sql.Selector)](predicates []P, p func(*sql.Selector)) []P {
	code := reflect.ValueOf(p).Pointer()
	predicates = slices.DeleteFunc(slices.Clone(predicates),
		func(old P) bool { return reflect.ValueOf(old).Pointer() == code })
	return append(predicates, p)
}

// detachable is met by the queries of a client that was generated with [Template].
type detachable interface {
	Detach() ent.Query
}

type detachableEdge interface {
	comparable
	detachable
}

// DetachEdge returns a copy of the query that eager-loads an edge; nil where it is not loaded. It is for the code that
// [Template] generates, as DetachEdges is, for edges that are loaded under names.
func DetachEdge[Q detachableEdge](query Q) Q {
	var detached Q
	if query != detached {
		detached, _ = query.Detach().(Q)
	}
	return detached
}

// DetachEdges returns copies of the queries that eager-load an edge under a name each.
func DetachEdges[Q detachableEdge](named map[string]Q) map[string]Q {
	named = maps.Clone(named)
	for name, query := range named {
		named[name] = DetachEdge(query)
	}
	return named
}
