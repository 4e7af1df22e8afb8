package migrate

import (
	"fmt"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// compose returns the text of a file: the planned DDL, then the missing protection.
func (c *comparison) compose(steps *atlas.Plan, spec doctor.Spec) string {
	var b strings.Builder
	for _, step := range steps.Changes {
		// Atlas breaks the line here.
		stmt := strings.ReplaceAll(step.Cmd, "ADD\nCONSTRAINT", "ADD CONSTRAINT")
		paragraph(&b, capital(step.Comment), rls.Unforced(forced(step, c.current), stmt)...)
	}
	for _, t := range c.want.Tables {
		if !tenantScoped(t) {
			if _, exists := c.current.Table(t.Name); !exists {
				paragraph(&b, t.Name+": "+spec.Global[qualified(t)], grants(t, doctor.ClassGlobal, spec))
			}
			continue
		}
		if missing := protect(t, c.protection[t.Name], spec); len(missing) > 0 {
			paragraph(&b, t.Name+": tenant-scoped", missing...)
		}
	}
	return b.String()
}

// forced returns the existing tenant-scoped tables whose rows a step must see: both ends of a new foreign key.
func forced(step *atlas.Change, current *schema.Schema) []string {
	modify, ok := step.Source.(*schema.ModifyTable)
	if !ok || !strings.Contains(step.Cmd, "FOREIGN KEY") { // one change may take several statements
		return nil
	}
	var out []string
	for _, change := range modify.Changes {
		add, ok := change.(*schema.AddForeignKey)
		if !ok {
			continue
		}
		for _, t := range []*schema.Table{modify.T, add.F.RefTable} {
			today, exists := current.Table(t.Name)
			if name := rls.Quote(t.Name); exists && tenantScoped(today) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

func drops(changes []schema.Change) []string {
	var out []string
	for _, c := range changes {
		switch c := c.(type) {
		case *schema.DropTable:
			out = append(out, "table "+c.T.Name)
		case *schema.ModifyTable:
			for _, inner := range c.Changes {
				if drop, ok := inner.(*schema.DropColumn); ok {
					out = append(out, "column "+c.T.Name+"."+drop.C.Name)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func paragraph(b *strings.Builder, comment string, stmts ...string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	if comment != "" {
		fmt.Fprintf(b, "-- %s\n", comment)
	}
	for _, s := range stmts {
		b.WriteString(s)
		b.WriteString(";\n")
	}
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
