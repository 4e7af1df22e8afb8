package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/ent/schema/mixin"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// ErrSeed is returned when a table has no seed (seed/<table>.sql beside the migrations) or the seed inserts no rows.
var ErrSeed = errors.New("the table is not seeded")

// seeder inserts rows into the tables of a scratch database, so that a later file that fails on existing rows (NOT NULL
// without a default, a violated key, a backfill hidden by policies) fails in the rehearsal.
type seeder struct {
	scratch *scratch
	chains  []Chain
	done    map[uint32]bool // by oid, since a table may be renamed, or dropped and created again
}

type seedTable struct {
	OID  uint32
	Name string
}

// fill seeds new tables without rows. A seed may need another table's rows, so it repeats while any seed succeeds.
func (s *seeder) fill(ctx context.Context) error {
	conn, err := s.scratch.superuser(ctx)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	rows, _ := conn.Query(ctx, `SELECT oid, relname::text FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 2`)
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[seedTable])
	if err != nil {
		return err
	}
	for {
		var failed []seedTable
		var errs []error
		for _, t := range tables {
			if s.done[t.OID] {
				continue
			}
			if err := s.seed(ctx, conn, t.Name); err != nil {
				failed, errs = append(failed, t), append(errs, err)
				continue
			}
			s.done[t.OID] = true
		}
		if len(failed) == 0 || len(failed) == len(tables) {
			return errors.Join(errs...)
		}
		tables = failed
	}
}

// seed runs the table's seed, one INSERT. A seed that is only a comment leaves the table empty.
func (s *seeder) seed(ctx context.Context, conn *pgx.Conn, table string) error {
	var filled bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+rls.Quote(publicSchema, table)+")").Scan(&filled)
	if err != nil || filled {
		return err
	}
	path := "seed/" + table + ".sql"
	for _, c := range s.chains {
		text, err := fs.ReadFile(c.Files, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		tag, err := conn.Exec(ctx, string(text))
		if err == nil && tag.Insert() && tag.RowsAffected() == 0 {
			err = errors.New("no rows inserted")
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSeed, path, err)
		}
		return nil
	}
	return fmt.Errorf("%w: add %s with an INSERT of rows for two tenants", ErrSeed, path)
}

// seeds proposes a seed for each new table. Values that a table's checks reject are edited by hand.
func (c *comparison) seeds() map[string]string {
	var out map[string]string
	for _, t := range c.want.Tables {
		if _, exists := c.current.Table(t.Name); !exists {
			if out == nil {
				out = make(map[string]string)
			}
			out[t.Name] = proposedSeed(t)
		}
	}
	return out
}

// proposedSeed inserts two rows, or two per tenant, with equal values, so that a later unique key is tried on
// duplicates.
func proposedSeed(t *schema.Table) string {
	var columns, values []string
	for _, c := range t.Columns {
		if c.Name == mixin.TenantColumn || !c.Type.Null && c.Default == nil && !numbered(c) {
			columns, values = append(columns, rls.Quote(c.Name)), append(values, seedValue(t, c))
		}
	}
	from := "generate_series(1, 2)"
	if tenantScoped(t) {
		from = "tenants, " + from
	}
	return fmt.Sprintf("INSERT INTO %s (%s)\nSELECT %s\n  FROM %s\n    ON CONFLICT DO NOTHING;\n",
		rls.Quote(t.Name), strings.Join(columns, ", "), strings.Join(values, ", "), from)
}

func seedValue(t *schema.Table, c *schema.Column) string {
	if c.Name == mixin.TenantColumn {
		return "tenants.id"
	}
	for _, fk := range t.ForeignKeys {
		if i := slices.Index(fk.Columns, c); i >= 0 {
			where := ""
			if tenantScoped(t) && tenantScoped(fk.RefTable) {
				where = fmt.Sprintf(" WHERE r.%s = tenants.id", mixin.TenantColumn)
			}
			return fmt.Sprintf("(SELECT r.%s FROM %s AS r%s LIMIT 1)", rls.Quote(fk.RefColumns[i].Name),
				rls.Quote(fk.RefTable.Name), where)
		}
	}
	switch c.Type.Type.(type) {
	case *schema.StringType:
		return "'seed'"
	case *schema.UUIDType:
		return "gen_random_uuid()"
	case *schema.TimeType:
		return "now()"
	case *schema.BoolType:
		return "false"
	case *schema.JSONType:
		return "'{}'"
	case *schema.BinaryType:
		return `'\x00'`
	default: // numbers
		return "1"
	}
}

func numbered(c *schema.Column) bool {
	_, serial := c.Type.Type.(*postgres.SerialType)
	return serial || slices.ContainsFunc(c.Attrs, func(a schema.Attr) bool {
		_, ok := a.(*postgres.Identity)
		return ok
	})
}
