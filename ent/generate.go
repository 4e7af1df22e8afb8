// Package ent is the generated client of Konstruct's tables: see ent/schema for what it is generated from. Open it on
// tenancy/pgtenant, and import ent/runtime for the schemas' hooks and interceptors; without those it refuses to work.
package ent

//go:generate go run -C ../tools ./entgen github.com/konstruct/konstruct/ent/schema ../ent github.com/konstruct/konstruct/ent
