package returning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// BatchCreate replaces sqlgraph.BatchCreate. It creates nodes of one table by one
//
//	INSERT … SELECT … FROM unnest(…)
//
// with the same text for any number of nodes. A column is an array, or a single parameter if all nodes have the same
// value. Generated ids are set in the specs of the nodes.
//
// sqlgraph handles nodes that set different columns, ON CONFLICT, edges in other tables, and values that fit no array.
// PostgreSQL refuses a string field whose column is an array, or of a type whose delimiter is not a comma (box,
// PostGIS's geometry): create such nodes one by one.
func BatchCreate(ctx context.Context, drv dialect.Driver, spec *sqlgraph.BatchCreateSpec) error {
	err := errUnusual
	if len(spec.Nodes) > 0 && len(spec.OnConflict) == 0 {
		err = insertNodes(ctx, drv, spec.Nodes)
	}
	if errors.Is(err, errUnusual) {
		return sqlgraph.BatchCreate(ctx, drv, spec)
	}
	return err
}

// errUnusual is returned, before anything is sent, for what sqlgraph must handle.
var errUnusual = errors.New("returning: unsupported by a single statement with arrays")

func insertNodes(ctx context.Context, drv dialect.Driver, nodes []*sqlgraph.CreateSpec) error {
	columns, err := tabulate(nodes)
	if err != nil {
		return err
	}
	b, err := insertSQL(drv.Dialect(), nodes[0], columns)
	if err != nil {
		return err
	}
	if id := nodes[0].ID; id == nil || id.Value != nil && !id.Type.Numeric() {
		query, args := b.Query()
		err = drv.Exec(ctx, query, args, nil)
	} else {
		query, args := b.WriteString(" RETURNING ").Ident(id.Column).Query()
		err = insertReturning(ctx, drv, nodes, query, args)
	}
	if err != nil {
		return fmt.Errorf("insert nodes to table %q: %w", nodes[0].Table, err)
	}
	return nil
}

// insertReturning sets the returned ids, numbers as the int64 that generated code expects. PostgreSQL inserts and
// returns in the order of the arrays.
func insertReturning(
	ctx context.Context, drv dialect.Driver, nodes []*sqlgraph.CreateSpec, query string, args []any,
) error {
	ids, err := pgtenant.Collect(pgtenant.Query(ctx, drv, query, args...), func(row pgtenant.Row) (any, error) {
		if nodes[0].ID.Type.Numeric() {
			return pgtenant.RowTo[int64](row)
		}
		return pgtenant.RowTo[any](row)
	})
	for i, id := range ids[:min(len(ids), len(nodes))] {
		nodes[i].ID.Value = id
	}
	return err
}

type column struct {
	name   string
	typ    field.Type
	values []any // by node
}

// tabulate converts nodes to columns. It returns errUnusual unless all nodes set the same ones in the same order.
func tabulate(nodes []*sqlgraph.CreateSpec) ([]column, error) {
	var columns []column
	var fields []*sqlgraph.FieldSpec
	for i, node := range nodes {
		if node.Table != nodes[0].Table || external(node.Edges) {
			return nil, errUnusual
		}
		fields = appendAssignments(fields[:0], node)
		if i == 0 {
			columns = make([]column, len(fields))
			for j, f := range fields {
				columns[j] = column{f.Column, f.Type, make([]any, len(nodes))}
			}
		}
		if len(fields) != len(columns) {
			return nil, errUnusual
		}
		for j, f := range fields {
			if f.Column != columns[j].name {
				return nil, errUnusual
			}
			v, err := value(f)
			if err != nil {
				return nil, err
			}
			columns[j].values[i] = v
		}
	}
	return columns, nil
}

// appendAssignments appends the values of a node's row: the id if it is set, the fields, and the foreign keys in its
// table.
func appendAssignments(fields []*sqlgraph.FieldSpec, node *sqlgraph.CreateSpec) []*sqlgraph.FieldSpec {
	if node.ID != nil && node.ID.Value != nil {
		fields = append(fields, node.ID)
	}
	fields = append(fields, node.Fields...)
	for _, e := range node.Edges {
		key := sqlgraph.NewFieldSpec(e.Columns[0], e.Target.IDSpec.Type)
		key.Value = e.Target.Nodes[0]
		fields = append(fields, key)
	}
	return fields
}

// value returns a field's value, JSON as text.
func value(f *sqlgraph.FieldSpec) (any, error) {
	if f.Type == field.TypeJSON {
		text, err := json.Marshal(f.Value)
		if err != nil {
			return nil, fmt.Errorf("marshal value for column %s: %w", f.Column, err)
		}
		return string(text), nil
	}
	if id, ok := f.Value.(*uuid.UUID); ok && id != nil { // as ids are set
		return *id, nil
	}
	return f.Value, nil
}

// insertSQL returns the statement without RETURNING. A CASE, which PostgreSQL removes when it plans, gives each
// parameter its column's type, which Ent's field does not have.
func insertSQL(name string, node *sqlgraph.CreateSpec, columns []column) (*sql.Builder, error) {
	table := string(appendTable(nil, node))
	b := &sql.Builder{}
	b.SetDialect(name)
	b.WriteString("INSERT INTO " + table + " (").IdentComma(names(columns)...).WriteString(") SELECT ")
	var arrays []column
	for i, c := range columns {
		if i > 0 {
			b.Comma()
		}
		if uniform(c.values) {
			b.Arg(c.values[0])
		} else {
			b.Ident(c.name)
			arrays = append(arrays, c)
		}
	}
	if len(arrays) == 0 { // the number of rows comes from the arrays
		return nil, errUnusual
	}
	b.WriteString(" FROM unnest(")
	for i, c := range arrays {
		if i > 0 {
			b.Comma()
		}
		a, err := array(c)
		if err != nil {
			return nil, err
		}
		b.WriteString("CASE WHEN true THEN ").Arg(a)
		b.WriteString(" ELSE ARRAY[(NULL::" + table + ").").Ident(c.name).WriteString("] END")
	}
	return b.WriteString(") AS t (").IdentComma(names(arrays)...).WriteString(")"), nil
}

func names(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}
