package schema

import (
	"encoding/json"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
)

// textColumn stores an Ent enum as text; a CHECK on the table holds its values. PostgreSQL's own enums are avoided:
// their equality is not leakproof, so under row-level security a filter on one can't use an index.
func textColumn() map[string]string { return map[string]string{dialect.Postgres: "text"} }

// The database's own defaults for JSON columns, for rows that are written without Ent.

func emptyObjectDefault() *entsql.Annotation { return entsql.DefaultExpr("'{}'::jsonb") }

func emptyListDefault() *entsql.Annotation { return entsql.DefaultExpr("'[]'::jsonb") }

// Free JSON is kept as it is written: numbers that went through float64 would come back changed.

func emptyObject() json.RawMessage { return json.RawMessage("{}") }

func emptyList() []json.RawMessage { return []json.RawMessage{} }

func emptyNames() map[string]string { return map[string]string{} }
