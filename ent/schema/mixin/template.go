package mixin

import (
	_ "embed"
	"maps"
	"reflect"
	"slices"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"
)

// Template generates the methods by which [Tenant] confines queries and mutations. Pass it to Ent's generator:
//
//	tmpl := gen.MustParse(gen.NewTemplate("wherep").Parse(mixin.Template))
//	entc.Generate("./schema", &gen.Config{Templates: []*gen.Template{tmpl}, …})
//
//go:embed wherep.tmpl
var Template string

// ReturnedTemplate generates the method by which package tenancy/pgtenant/returning reads a create's row into its node;
// tools/entgen adds the calls. It requires [RowsTemplate].
//
//go:embed returned.tmpl
var ReturnedTemplate string

// AttacksTemplate generates the package attacks, which describes a client's schemas to attack.Entities.
//
//go:embed attacks.tmpl
var AttacksTemplate string

// ReplaceP removes the predicates with p's code (the same function literal, from an earlier run for another tenant) and
// appends p. The code of [Template] calls it.
func ReplaceP[P ~func(*sql.Selector)](predicates []P, p func(*sql.Selector)) []P {
	code := reflect.ValueOf(p).Pointer()
	predicates = slices.DeleteFunc(slices.Clone(predicates),
		func(old P) bool { return reflect.ValueOf(old).Pointer() == code })
	return append(predicates, p)
}

// detachable is implemented by queries generated with [Template].
type detachable interface {
	Detach() ent.Query
}

type detachableEdge interface {
	comparable
	detachable
}

// DetachEdge copies the query that eager-loads an edge, if any. The code of [Template] calls it and DetachEdges.
func DetachEdge[Q detachableEdge](query Q) Q {
	var detached Q
	if query != detached {
		detached, _ = query.Detach().(Q)
	}
	return detached
}

// DetachEdges copies the queries of named edges.
func DetachEdges[Q detachableEdge](named map[string]Q) map[string]Q {
	named = maps.Clone(named)
	for name, query := range named {
		named[name] = DetachEdge(query)
	}
	return named
}
