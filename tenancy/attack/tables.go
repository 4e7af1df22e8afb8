package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const tenantColumn = "tenant_id"

// table is a tenant-scoped table in the live catalog.
type table struct {
	Name    string       `json:"name"`    // with its schema, unquoted
	SQL     string       `json:"sql"`     // with its schema, quoted
	Key     string       `json:"key"`     // the primary key's column besides the tenant's, quoted
	Enabled bool         `json:"enabled"` // row-level security
	Forced  bool         `json:"forced"`
	Columns []column     `json:"columns"`
	Uniques []uniqueKey  `json:"uniques"`
	Foreign []foreignRef `json:"foreign"`
	// AppendOnly is set from Target.AppendOnly.
	AppendOnly bool `json:"-"`
}

type column struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
	Text bool   `json:"text"`
}

// uniqueKey is a unique index over plain columns, other than the primary key.
type uniqueKey struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

type foreignRef struct {
	Name    string   `json:"name"`
	Target  string   `json:"target"` // as table.Name
	SQL     string   `json:"sql"`    // the target, quoted
	Columns []string `json:"columns"`
	Refs    []string `json:"refs"`
	// Acts is set if deleting or renaming the referenced row changes the referencing one.
	Acts bool `json:"acts"`
}

const tablesQuery = `
select json_build_object(
	'name', format('%s.%s', n.nspname, c.relname),
	'sql', format('%I.%I', n.nspname, c.relname),
	'key', (select quote_ident(a.attname) from pg_index i
	          join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
	         where i.indrelid = c.oid and i.indisprimary and a.attname <> $1 order by a.attnum limit 1),
	'enabled', c.relrowsecurity, 'forced', c.relforcerowsecurity,
	'columns', (select json_agg(json_build_object('name', a.attname, 'sql', quote_ident(a.attname),
	                   'text', a.atttypid in ('text'::regtype, 'varchar'::regtype)) order by a.attnum)
	              from pg_attribute a
	             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a'),
	'uniques', (select json_agg(json_build_object('name', format('%s.%s', n.nspname, ic.relname), 'columns',
	                   (select json_agg(a.attname) from pg_attribute a
	                     where a.attrelid = c.oid and a.attnum = any (i.indkey))) order by ic.relname)
	              from pg_index i join pg_class ic on ic.oid = i.indexrelid
	             where i.indrelid = c.oid and i.indisunique and not i.indisprimary and i.indpred is null and i.indexprs is null),
	'foreign', (select json_agg(json_build_object('name', k.conname, 'target', format('%s.%s', tn.nspname, t.relname),
	                   'sql', format('%I.%I', tn.nspname, t.relname),
	                   'acts', k.confdeltype not in ('a', 'r') or k.confupdtype not in ('a', 'r'),
	                   'columns', (select json_agg(a.attname order by o) from unnest(k.conkey) with ordinality as u (n, o)
	                                 join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n),
	                   'refs', (select json_agg(a.attname order by o) from unnest(k.confkey) with ordinality as u (n, o)
	                              join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n)) order by k.conname)
	              from pg_constraint k join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
	             where k.conrelid = c.oid and k.contype = 'f'))::text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = $1 and a.attnum > 0 and not a.attisdropped)
 order by 1`

// readTables finds every table with a tenant_id, regardless of its owner.
func readTables(ctx context.Context, conn *pgx.Conn) ([]*table, error) {
	rows, err := conn.Query(ctx, tablesQuery, tenantColumn)
	if err != nil {
		return nil, err
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	tables := make([]*table, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &tables[i]); err != nil {
			return nil, err
		}
		if tables[i].Key == "" {
			return nil, fmt.Errorf("table %s has no primary key besides %s, so its rows can't be addressed",
				tables[i].Name, tenantColumn)
		}
	}
	return tables, nil
}

// columnList is an INSERT's list of columns, each after a prefix.
func (tb *table) columnList(prefix string) string {
	names := make([]string, len(tb.Columns))
	for i, c := range tb.Columns {
		names[i] = prefix + c.SQL
	}
	return strings.Join(names, ", ")
}

func (tb *table) column(name string) (column, bool) {
	for _, c := range tb.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return column{}, false
}
