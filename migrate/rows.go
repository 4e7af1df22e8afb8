package migrate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// rowsPerTable is how many rows each table of a rehearsal has: one for each of two tenants.
const rowsPerTable = 2

// rowAttempts bounds the search for values that a table's checks accept.
const rowAttempts = 500

// ErrRows means that no row could be made up that a table accepts.
var ErrRows = errors.New("no row could be made up")

// rehearsal fills the tables of a scratch database with rows, so that the files which follow meet some: a column without
// a default, a foreign key that rows don't meet, a backfill that sees nothing fail there and not in production.
type rehearsal struct {
	scratch *scratch
	// given are statements that make rows where made-up values are not accepted, by table.
	given map[string]string
}

// fill puts rows into every table that has none. Tables come after those they refer to.
func (r *rehearsal) fill(ctx context.Context, _ string) error {
	conn, err := r.scratch.superuser(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	empty, err := emptyTables(ctx, conn)
	if err != nil {
		return err
	}
	for len(empty) > 0 {
		i := slices.IndexFunc(empty, func(t table) bool { return t.ready(empty) })
		if i < 0 {
			return fmt.Errorf("%w: %s wait for each other's rows", ErrRows, listed(empty))
		}
		if err := r.fillTable(ctx, conn, empty[i]); err != nil {
			return err
		}
		empty = slices.Delete(empty, i, i+1)
	}
	return nil
}

func listed(tables []table) string {
	var out []string
	for _, t := range tables {
		out = append(out, t.Name)
	}
	return strings.Join(out, ", ")
}

func (r *rehearsal) fillTable(ctx context.Context, conn *pgx.Conn, t table) error {
	if stmt, ok := r.given[t.Name]; ok {
		if _, err := conn.Exec(ctx, stmt); err != nil {
			return fmt.Errorf("%w: %s: the given statement: %w", ErrRows, t.Name, err)
		}
		return nil
	}
	for i := range rowsPerTable {
		if err := makeRow(ctx, conn, t, i); err != nil {
			return fmt.Errorf("%w: %s: give a statement that makes one (CheckOptions.Rows): %w", ErrRows, t.Name, err)
		}
	}
	return nil
}

// table is what a row has to meet.
type table struct {
	Name    string
	Columns []column
	Checks  []check
	Keys    []foreignKey
}

type column struct {
	Name     string
	Type     string
	Required bool // NOT NULL, and without a default
}

type check struct {
	Name    string
	Text    string
	Columns []string
}

type foreignKey struct {
	Columns    []string
	RefTable   string
	RefColumns []string
	Required   bool
}

// The tables of schema public, as PostgreSQL has them, each as one JSON document.
const tablesQuery = `
SELECT json_build_object(
         'Name', c.relname,
         'Columns', (SELECT json_agg(json_build_object(
                       'Name', a.attname, 'Type', format_type(a.atttypid, NULL),
                       'Required', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '') ORDER BY a.attnum)
                       FROM pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
         'Checks', (SELECT json_agg(json_build_object(
                       'Name', k.conname, 'Text', pg_get_constraintdef(k.oid), 'Columns', %[1]s) ORDER BY k.conname)
                      FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'c'),
         'Keys', (SELECT json_agg(json_build_object(
                       'Columns', %[1]s, 'RefTable', (SELECT relname FROM pg_class WHERE oid = k.confrelid), 'RefColumns', %[2]s,
                       'Required', (SELECT bool_and(attnotnull) FROM pg_attribute
                                     WHERE attrelid = c.oid AND attnum = ANY (k.conkey))) ORDER BY k.conname)
                    FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'f'))
  FROM pg_class AS c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY c.relname`

const keyColumns = `(SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(%s) WITH ORDINALITY AS u (attnum, n)
  JOIN pg_attribute AS a ON a.attrelid = %s AND a.attnum = u.attnum)`

func emptyTables(ctx context.Context, conn *pgx.Conn) ([]table, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf(tablesQuery,
		fmt.Sprintf(keyColumns, "k.conkey", "k.conrelid"), fmt.Sprintf(keyColumns, "k.confkey", "k.confrelid")))
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[table])
	if err != nil {
		return nil, err
	}
	var empty []table
	for _, t := range all {
		var filled bool
		if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+rls.Quote(t.Name)+")").Scan(&filled); err != nil {
			return nil, err
		}
		if !filled {
			empty = append(empty, t)
		}
	}
	return empty, nil
}

// ready tells whether all that a row of t must refer to is there.
func (t table) ready(empty []table) bool {
	return !slices.ContainsFunc(t.Keys, func(k foreignKey) bool {
		return k.Required && slices.ContainsFunc(empty, func(e table) bool { return e.Name == k.RefTable })
	})
}

// makeRow inserts the i-th row. When a check refuses it, the columns of that check get their next values.
func makeRow(ctx context.Context, conn *pgx.Conn, t table, i int) error {
	choice := make(map[string]int)
	for range rowAttempts {
		_, err := conn.Exec(ctx, t.insert(choice, i))
		if err == nil {
			return nil
		}
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pgErr.Code != "23514" || !t.next(choice, pgErr.ConstraintName) {
			return err
		}
	}
	return fmt.Errorf("its checks refused %d rows", rowAttempts)
}

// next counts up the candidates of a check's columns, like an odometer. False: all were tried.
func (t table) next(choice map[string]int, constraint string) bool {
	i := slices.IndexFunc(t.Checks, func(c check) bool { return c.Name == constraint })
	if i < 0 {
		return false
	}
	for _, name := range t.Checks[i].Columns {
		candidates := t.candidates(name)
		choice[name]++
		if choice[name] < len(candidates) {
			return true
		}
		choice[name] = 0
	}
	return false
}

// insert makes up the columns that have to be given, refers to existing rows of the same tenant, and leaves the rest to
// the table's defaults, unless a check refused those.
func (t table) insert(choice map[string]int, i int) string {
	var names, values []string
	for _, c := range t.Columns {
		value := t.reference(c.Name, i)
		if _, chosen := choice[c.Name]; value == "" && (c.Required || chosen) {
			value = t.candidates(c.Name)[choice[c.Name]]
		}
		if value != "" {
			names, values = append(names, rls.Quote(c.Name)), append(values, value)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("INSERT INTO %s DEFAULT VALUES", rls.Quote(t.Name))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", rls.Quote(t.Name), strings.Join(names, ", "), strings.Join(values, ", "))
}

// nthTenant is a sub-select of the i-th tenant.
func nthTenant(i int) string {
	return fmt.Sprintf("(SELECT id FROM tenants ORDER BY id OFFSET %d %% (SELECT count(*) FROM tenants) LIMIT 1)", i)
}

// reference is a value that a foreign key of the column accepts, or nothing where it has none. Where the table that it
// refers to has no row yet, it is NULL.
func (t table) reference(name string, i int) string {
	if name == mixin.TenantColumn {
		return nthTenant(i)
	}
	// The key that carries the tenant asks for more than one that does not.
	for _, carries := range []bool{true, false} {
		for _, k := range t.Keys {
			at := slices.Index(k.Columns, name)
			if at < 0 || slices.Contains(k.RefColumns, mixin.TenantColumn) != carries {
				continue
			}
			where := ""
			if carries {
				where = fmt.Sprintf(" WHERE %s = %s", mixin.TenantColumn, nthTenant(i))
			}
			return fmt.Sprintf("(SELECT %s FROM %s%s LIMIT 1)", rls.Quote(k.RefColumns[at]), rls.Quote(k.RefTable), where)
		}
	}
	return ""
}

var literal = regexp.MustCompile(`'(?:[^']|'')*'`)

// candidates are expressions for a column's value: what its checks mention, and then what its type suggests.
func (t table) candidates(name string) []string {
	i := slices.IndexFunc(t.Columns, func(c column) bool { return c.Name == name })
	if i < 0 {
		return []string{"NULL"}
	}
	typ := t.Columns[i].Type
	out := suggested(typ)
	for _, c := range t.Checks {
		if slices.Contains(c.Columns, name) {
			for _, l := range literal.FindAllString(c.Text, -1) {
				if isText(typ) {
					out = append(out, l)
				}
			}
		}
	}
	return out
}

func isText(typ string) bool {
	return typ == "text" || strings.HasPrefix(typ, "character") || typ == "citext"
}

func suggested(typ string) []string {
	switch {
	case isText(typ):
		return []string{
			"md5(random()::text)",
			"encode(sha256(gen_random_uuid()::text::bytea), 'hex')",
			"md5(random()::text) || '@example.invalid'",
			"'https://example.invalid/' || md5(random()::text)",
			"left(md5(random()::text), 8)",
			"'1'", "''",
		}
	case strings.HasPrefix(typ, "timestamp"), typ == "date":
		return []string{"now() + interval '1 hour'", "now()", "now() - interval '1 hour'"}
	case typ == "json", typ == "jsonb":
		return []string{"'{}'", "'[]'"}
	case typ == "uuid":
		return []string{"gen_random_uuid()"}
	case typ == "boolean":
		return []string{"false", "true"}
	case typ == "bytea":
		return []string{`'\x00'`, "gen_random_uuid()::text::bytea"}
	case typ == "interval":
		return []string{"interval '1 hour'"}
	case strings.HasSuffix(typ, "[]"):
		return []string{"'{}'"}
	default: // numbers, and whatever reads one
		return []string{"(random() * 10000 + 1)::int", "0", "1", "-1"}
	}
}
