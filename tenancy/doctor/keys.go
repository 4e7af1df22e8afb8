package doctor

import (
	"fmt"
	"slices"
	"strings"
)

func keyLints() []Lint {
	return []Lint{
		{
			Code: "key.without-tenant", Level: LevelError,
			Risk: "Foreign-key checks pass row-level security by: one tenant can attach its row to another's, and learn that it exists.",
			find: findKeysWithoutTenant,
		},
		{
			Code: "key.no-tenant-table", Level: LevelError,
			Risk: "The table refers to tenants' rows and has no tenant: who reads it sees which rows of which tenants belong together.",
			find: findTablesWithoutTenant,
		},
		{
			Code: "key.cascade", Level: LevelError,
			Risk: "The action runs past row-level security on whatever rows refer to the parent, and its failure prints them.",
			find: findCascades,
		},
		{
			Code: "key.cascade-within", Level: LevelWarning,
			Risk: "The cascade stays in its tenant but runs past row-level security, and its failure prints whole rows.",
			find: findCascadesWithin,
		},
		{
			Code: "key.spans-tenants", Level: LevelError,
			Risk: "A value that another tenant has taken is refused, so that one tenant learns what others have.",
			find: findSpanningKeys,
		},
		{
			Code: "key.sequence", Level: LevelWarning,
			Risk: "Numbers that all tenants share tell each how much the others do, and can be guessed.",
			find: findNumbered,
		},
	}
}

func (k foreignKey) object() string {
	return fmt.Sprintf("foreign key %s on %s.%s", k.Name, k.Schema, k.Table)
}

func (k foreignKey) table() string { return quoted(k.Schema, k.Table) }

func (k foreignKey) refTable() string { return quoted(k.RefSchema, k.RefTable) }

// carriesTenant tells whether the tenant of one row has to be that of the other.
func (k foreignKey) carriesTenant(column string) bool {
	i := slices.Index(k.Columns, column)
	return i >= 0 && k.RefColumns[i] == column
}

// actions of pg_constraint.
const (
	cascade    = "c"
	setNull    = "n"
	setDefault = "d"
)

func acts(action string) bool { return action == cascade || action == setNull || action == setDefault }

// touchesTenant tells whether a change of the parent can change the child's tenant.
func (k foreignKey) touchesTenant(column string) bool {
	if !slices.Contains(k.Columns, column) {
		return false
	}
	sets := k.OnDelete == setNull || k.OnDelete == setDefault
	return acts(k.OnUpdate) || sets && (len(k.SetColumns) == 0 || slices.Contains(k.SetColumns, column))
}

// betweenTenants are the foreign keys from one tenant-scoped table to another.
func (e *examination) betweenTenants() []foreignKey {
	return slices.DeleteFunc(slices.Clone(e.ForeignKeys), func(k foreignKey) bool {
		return !e.isTenant(k.Schema, k.Table) || !e.isTenant(k.RefSchema, k.RefTable)
	})
}

func findKeysWithoutTenant(e *examination) []fault {
	var out []fault
	for _, k := range e.betweenTenants() {
		if !k.carriesTenant(e.cat.TenantColumn) {
			out = append(out, fault{
				k.object(),
				unforced([]string{k.table(), k.refTable()}, slices.Concat(e.referable(k), []string{k.drop(), e.carrying(k).add()})...),
			})
		}
	}
	return out
}

// keysToTenants are the foreign keys of a table to tenant-scoped ones.
func (e *examination) keysToTenants(r relation) []foreignKey {
	return slices.DeleteFunc(slices.Clone(e.ForeignKeys), func(k foreignKey) bool {
		return k.Schema != r.Schema || k.Table != r.Name || !e.isTenant(k.RefSchema, k.RefTable)
	})
}

func findTablesWithoutTenant(e *examination) []fault {
	var out []fault
	for _, r := range e.Relations {
		keys := e.keysToTenants(r)
		if !r.isTable() || e.class(r) == ClassTenant || len(keys) == 0 {
			continue
		}
		refs := []string{}
		all := []string{e.addTenant(r)}
		for _, k := range keys {
			refs = append(refs, k.refTable())
			all = append(all, slices.Concat(e.referable(k), []string{k.drop(), e.carrying(k).add()})...)
		}
		out = append(out, fault{"table " + r.name(), unforced(refs, append(all, e.protect(r)...)...)})
	}
	return out
}

// findCascades leaves out keys without the tenant: those are findings already, and mended without actions.
func findCascades(e *examination) []fault {
	var out []fault
	for _, k := range e.ForeignKeys {
		if !e.isTenant(k.Schema, k.Table) {
			continue
		}
		within := e.isTenant(k.RefSchema, k.RefTable)
		switch {
		case within && !k.carriesTenant(e.cat.TenantColumn):
		case within && k.touchesTenant(e.cat.TenantColumn), !within && (acts(k.OnDelete) || acts(k.OnUpdate)):
			out = append(out, e.withoutActions(k))
		}
	}
	return out
}

func findCascadesWithin(e *examination) []fault {
	var out []fault
	for _, k := range e.betweenTenants() {
		if k.OnDelete == cascade && k.carriesTenant(e.cat.TenantColumn) && !k.touchesTenant(e.cat.TenantColumn) {
			out = append(out, e.withoutActions(k))
		}
	}
	return out
}

func (e *examination) withoutActions(k foreignKey) fault {
	tables := []string{k.table()}
	if e.isTenant(k.RefSchema, k.RefTable) {
		tables = append(tables, k.refTable())
	}
	return fault{k.object(), unforced(tables, k.drop(), k.add())}
}

func (k foreignKey) drop() string {
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", k.table(), quoted(k.Name))
}

// add makes the foreign key again, without actions.
func (k foreignKey) add() string {
	stmt := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)",
		k.table(), quoted(k.Name), quotedAll(k.Columns), k.refTable(), quotedAll(k.RefColumns))
	if k.MatchFull {
		stmt += " MATCH FULL"
	}
	if k.Deferrable {
		stmt += " DEFERRABLE"
	}
	if k.Deferred {
		stmt += " INITIALLY DEFERRED"
	}
	return stmt
}

// carrying is the foreign key with the tenant in front.
func (e *examination) carrying(k foreignKey) foreignKey {
	without := func(columns []string) []string {
		return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == e.cat.TenantColumn })
	}
	if !slices.Contains(k.Columns, e.cat.TenantColumn) && !slices.Contains(k.RefColumns, e.cat.TenantColumn) {
		without = slices.Clone
	}
	k.Columns = append([]string{e.cat.TenantColumn}, without(k.Columns)...)
	k.RefColumns = append([]string{e.cat.TenantColumn}, without(k.RefColumns)...)
	return k
}

// referable is what gives the parent the unique key that the foreign key with the tenant refers to, if it has none.
func (e *examination) referable(k foreignKey) []string {
	want := slices.Sorted(slices.Values(e.carrying(k).RefColumns))
	has := slices.ContainsFunc(e.UniqueKeys, func(u uniqueKey) bool {
		return u.Schema == k.RefSchema && u.Table == k.RefTable && slices.Equal(slices.Sorted(slices.Values(u.Columns)), want)
	})
	if has {
		return nil
	}
	return []string{fmt.Sprintf("ALTER TABLE %s ADD UNIQUE (%s)", k.refTable(), quotedAll(e.carrying(k).RefColumns))}
}

// findSpanningKeys accepts a primary key that is one uuid: it is random, or ordered by time, and tells nobody anything.
func findSpanningKeys(e *examination) []fault {
	var out []fault
	for _, u := range e.UniqueKeys {
		_, listed := e.cat.SpanningKeys[u.Schema+"."+u.Name]
		random := u.IsPrimary && u.AllUUID && len(u.Columns) == 1
		if listed || random || slices.Contains(u.Columns, e.cat.TenantColumn) {
			continue
		}
		out = append(out, fault{
			fmt.Sprintf("unique key %s on %s.%s", u.Name, u.Schema, u.Table),
			e.withinTenant(u),
		})
	}
	return out
}

// withinTenant makes the key again with the tenant in front.
func (e *examination) withinTenant(u uniqueKey) string {
	column, table := quoted(e.cat.TenantColumn), quoted(u.Schema, u.Table)
	if u.ConstraintName == "" {
		return script("DROP INDEX "+quoted(u.Schema, u.Name), strings.Replace(u.IndexDef, "(", "("+column+", ", 1))
	}
	if u.IsExclusion {
		column += " WITH ="
	}
	drop := fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, quoted(u.ConstraintName))
	add := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", table, quoted(u.ConstraintName),
		strings.Replace(u.ConstraintDef, "(", "("+column+", ", 1))
	if u.IsExclusion {
		return script("-- needs the extension btree_gist, for uuid's equality", drop, add)
	}
	return script(drop, add)
}

func findNumbered(e *examination) []fault {
	var out []fault
	for _, n := range e.Numbered {
		if !e.isTenant(n.Schema, n.Table) {
			continue
		}
		table, column := quoted(n.Schema, n.Table), quoted(n.Column)
		remedy := []string{"-- and give it values that are made outside: a UUIDv7"}
		if n.IsIdentity {
			remedy = append(remedy, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP IDENTITY", table, column))
		} else {
			remedy = append(remedy, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", table, column),
				"DROP SEQUENCE IF EXISTS "+quoted(n.SequenceSchema, n.SequenceName))
		}
		out = append(out, fault{fmt.Sprintf("column %s.%s.%s", n.Schema, n.Table, n.Column), script(remedy...)})
	}
	return out
}
