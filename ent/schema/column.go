package schema

import (
	"encoding/json"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
)

// textColumn stores an Ent enum as text, whose values a CHECK limits. PostgreSQL's enum equality is not leakproof, so
// under row-level security a filter on it could not use an index.
func textColumn() map[string]string { return map[string]string{dialect.Postgres: "text"} }

// JSON columns' defaults in the database, for rows written without Ent.

func emptyObjectDefault() *entsql.Annotation { return entsql.DefaultExpr("'{}'::jsonb") }

func emptyListDefault() *entsql.Annotation { return entsql.DefaultExpr("'[]'::jsonb") }

// Free JSON stays raw: float64 would change numbers.

func emptyObject() json.RawMessage { return json.RawMessage("{}") }

func emptyList() []json.RawMessage { return []json.RawMessage{} }

func emptyNames() map[string]string { return map[string]string{} }

// Checks of columns that several tables have.
const (
	normalizedEmail = "email = lower(btrim(email)) AND position('@' IN email) > 1"
	knownRole       = "role IN ('owner', 'editor', 'viewer')"
	hashForm        = "token_hash ~ '^[0-9a-f]{64}$'"
)
