package mixin

import _ "embed"

// Template is the generator's template for the methods by which [Tenant] confines queries and mutations. Pass it to
// Ent's generator:
//
//	tmpl := gen.MustParse(gen.NewTemplate("wherep").Parse(mixin.Template))
//	entc.Generate("./schema", &gen.Config{Templates: []*gen.Template{tmpl}, …})
//
//go:embed wherep.tmpl
var Template string
