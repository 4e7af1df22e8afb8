package returning

import (
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
)

// textSize is the initial size of a statement's buffer, in bytes. Most statements fit.
const textSize = 1024

// withNames returns the query followed by a clause and its names.
func withNames(query, clause string, names []string) string {
	b := append(make([]byte, 0, textSize), query...)
	return string(appendNames(append(b, clause...), names))
}

func appendTable(b []byte, node *sqlgraph.CreateSpec) []byte {
	if node.Schema != "" {
		b = append(appendName(b, node.Schema), '.')
	}
	return appendName(b, node.Table)
}

func appendNames(b []byte, names []string) []byte {
	for i, name := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendName(b, name)
	}
	return b
}

func appendName(b []byte, name string) []byte {
	return append(append(append(b, '"'), strings.ReplaceAll(name, `"`, `""`)...), '"')
}
