// Package ent is the generated client of Konstruct's tables: see ent/schema for what it is generated from. Open it on
// tenancy/pgtenant.
package ent

//go:generate go run -C ../tools ./entgen github.com/konstruct/konstruct/ent/schema ../ent github.com/konstruct/konstruct/ent

import (
	// The schemas' hooks and interceptors. Ent leaves this import to every program, because a schema that imports the
	// client would make a cycle; no schema here does (.golangci.yml, ent-schema).
	_ "github.com/konstruct/konstruct/ent/runtime"
)
