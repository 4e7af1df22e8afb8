package mixin

import _ "embed"

// Template is the generator's template that gives every query a WhereP, which [Tenant] confines it by. Pass it to
// Ent's generator:
//
//	tmpl := gen.MustParse(gen.NewTemplate("wherep").Parse(mixin.Template))
//	entc.Generate("./schema", &gen.Config{Templates: []*gen.Template{tmpl}, …})
//
//go:embed wherep.tmpl
var Template string
