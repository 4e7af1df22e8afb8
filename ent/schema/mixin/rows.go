package mixin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
)

// RowsTemplate generates the methods by which queries and updates scan rows into entities. Ent's templates cannot call
// them, so tools/entgen adds the calls.
//
//go:embed rows.tmpl
var RowsTemplate string

// Row scans all columns of an entity T, in the order of its package's Columns, for all rows of a query.
type Row[T any] interface {
	// Dest appends the destinations for a row of node, which is zero.
	Dest(dest []any, node *T) []any

	// Assign sets the other fields of node. It returns errors of JSON.
	Assign(node *T) error
}

// Nodes are allocated in chunks of doubling length; the query's limit bounds the first. A chunk is freed as a whole, so
// one kept node keeps its neighbors.
const (
	firstChunk = 8
	lastChunk  = 64
)

// ScanRows makes a query scan its rows with row and append them to nodes. Per row it allocates only what the values
// need. It calls prepare with each new node. qualified is [Qualify] of columns. With another column, as after Modify or
// an ordering that selects its term, the query scans as Ent does.
func ScanRows[T any](
	spec *sqlgraph.QuerySpec, columns, qualified []string, row Row[T], nodes *[]*T, prepare func(*T),
) {
	if spec.From == nil && spec.Node.Schema == "" { // Ent qualifies columns of an alias or a schema itself
		spec.Node.Columns = replace(spec.Node.Columns, columns, qualified)
	}
	s := &scan[T]{
		scanValues: spec.ScanValues, assign: spec.Assign,
		columns: columns, row: row, nodes: nodes, prepare: prepare, size: firstChunk,
		dest: make([]any, 0, len(columns)),
	}
	if spec.Limit > 0 {
		s.size = min(s.size, spec.Limit)
	}
	spec.ScanValues, spec.Assign = s.next, s.end
}

// Qualify returns the columns quoted and qualified as Ent writes them.
func Qualify(table string, columns []string) []string {
	return sql.Dialect(dialect.Postgres).Select().From(sql.Table(table)).Columns(columns...)
}

func replace(names, columns, qualified []string) []string {
	if slices.Equal(names, columns) {
		return qualified
	}
	replaced := slices.Clone(names)
	for i, name := range names {
		if at := slices.Index(columns, name); at >= 0 {
			replaced[i] = qualified[at]
		}
	}
	return replaced
}

type scan[T any] struct {
	scanValues func(columns []string) ([]any, error)      // Ent's
	assign     func(columns []string, values []any) error // Ent's
	columns    []string
	row        Row[T]
	nodes      *[]*T
	prepare    func(*T)
	ents       bool // Ent scans
	size       int  // the length of the next chunk
	chunk      []T  // what is left of it
	node       *T   // of the current row
	dest       []any
	part       []int // which of the columns are selected, in the order of the result; nil if all are
	selected   []any // their destinations
}

// next returns the destinations of the next row, as sqlgraph.QuerySpec's ScanValues.
func (s *scan[T]) next(columns []string) ([]any, error) {
	if s.node == nil && !s.ents {
		s.ents = !s.takes(columns)
	}
	if s.ents {
		return s.scanValues(columns)
	}
	if len(s.chunk) == 0 {
		s.chunk = make([]T, s.size)
		*s.nodes = slices.Grow(*s.nodes, s.size)
		s.size = min(2*s.size, lastChunk)
	}
	s.node, s.chunk = &s.chunk[0], s.chunk[1:]
	s.prepare(s.node)
	s.dest = s.row.Dest(s.dest[:0], s.node)
	if s.part == nil {
		return s.dest, nil
	}
	for i, index := range s.part {
		s.selected[i] = s.dest[index]
	}
	return s.selected, nil
}

// takes reports whether the result has only the entity's columns, each once.
func (s *scan[T]) takes(columns []string) bool {
	if slices.Equal(columns, s.columns) {
		return true
	}
	part := make([]int, len(columns))
	for i, column := range columns {
		part[i] = slices.Index(s.columns, column)
		if part[i] < 0 || slices.Contains(part[:i], part[i]) {
			return false
		}
	}
	s.part, s.selected = part, make([]any, len(part))
	return true
}

// end completes the node of a scanned row, as sqlgraph.QuerySpec's Assign.
func (s *scan[T]) end(columns []string, values []any) error {
	if s.ents {
		return s.assign(columns, values)
	}
	*s.nodes = append(*s.nodes, s.node)
	return s.row.Assign(s.node)
}

// ScanRow makes an update scan its row into node, which is zero, as ScanRows does.
func ScanRow[T any](spec *sqlgraph.UpdateSpec, columns []string, row Row[T], node *T) {
	scanValues, assign := spec.ScanValues, spec.Assign
	whole := false
	spec.ScanValues = func(names []string) ([]any, error) {
		if whole = slices.Equal(names, columns); whole {
			return row.Dest(make([]any, 0, len(columns)), node), nil
		}
		return scanValues(names)
	}
	spec.Assign = func(names []string, values []any) error {
		if whole {
			return row.Assign(node)
		}
		return assign(names, values)
	}
}

// UnmarshalList sets list, which is nil, from JSON, or from nothing for NULL. It does not keep raw.
func UnmarshalList[E any](raw []byte, list *[]E) error {
	if string(raw) == "[]" {
		*list = []E{}
		return nil
	}
	return UnmarshalJSON(raw, list)
}

// UnmarshalMap does the same for a map.
func UnmarshalMap[M map[K]V, K comparable, V any](raw []byte, object *M) error {
	if string(raw) == "{}" {
		*object = M{}
		return nil
	}
	return UnmarshalJSON(raw, object)
}

// UnmarshalJSON does the same for a v that points to a zero value.
func UnmarshalJSON(raw []byte, v any) error {
	switch string(raw) {
	case "":
		return nil
	case "[]", "{}", "null":
		if message, ok := v.(*json.RawMessage); ok {
			*message = bytes.Clone(raw)
			return nil
		}
	}
	return json.Unmarshal(raw, v)
}
