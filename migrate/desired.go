package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	entschema "entgo.io/ent/dialect/sql/schema"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

// build creates the scoped tables of an Ent schema in a scratch database with the base chains, and inspects the result,
// so that both sides of the comparison are as PostgreSQL prints them.
func build(ctx context.Context, db *sql.DB, tables []*entschema.Table, spec doctor.Spec) (*schema.Schema, error) {
	driver, err := postgres.Open(db)
	if err != nil {
		return nil, err
	}
	base, err := inspect(ctx, driver)
	if err != nil {
		return nil, err
	}
	whole, err := desired(ctx, db, base, tables, spec)
	if err != nil {
		return nil, err
	}
	changes, err := driver.SchemaDiff(base, whole)
	if err != nil {
		return nil, err
	}
	plan, err := driver.PlanChanges(ctx, "", changes, planStyle)
	if err != nil {
		return nil, err
	}
	for _, c := range plan.Changes {
		if _, err := db.ExecContext(ctx, c.Cmd); err != nil {
			return nil, fmt.Errorf("the DDL of the Ent schema is invalid: %s: %w", c.Cmd, err)
		}
	}
	return inspect(ctx, driver)
}

// desired returns the base plus the scoped tables of the Ent schema.
func desired(
	ctx context.Context, db *sql.DB, base *schema.Schema, tables []*entschema.Table, spec doctor.Spec,
) (*schema.Schema, error) {
	own, err := convert(ctx, db, tables)
	if err != nil {
		return nil, err
	}
	whole := schema.New(publicSchema)
	whole.Realm, whole.Attrs = base.Realm, base.Attrs
	whole.Tables = slices.Clone(base.Tables)
	whole.Objects = base.Objects
	for _, t := range own {
		if _, taken := base.Table(t.Name); taken {
			return nil, fmt.Errorf("table %s belongs to an earlier chain", t.Name)
		}
		whole.AddTables(t)
	}
	tenants, ok := whole.Table("tenants")
	if !ok {
		return nil, errors.New("table tenants is missing: apply Konstruct's chain first (DiffOptions.Base)")
	}
	return whole, scope(own, tenants, spec)
}

// convert copies Ent's tables, which are package variables, to Atlas's.
func convert(ctx context.Context, db *sql.DB, tables []*entschema.Table) ([]*schema.Table, error) {
	m, err := entschema.NewMigrate(entsql.OpenDB(dialect.Postgres, db))
	if err != nil {
		return nil, err
	}
	realm, err := m.StateReader(tables...).ReadState(ctx)
	if err != nil {
		return nil, err
	}
	var out []*schema.Table
	for _, s := range realm.Schemas {
		if s.Name != "" && s.Name != publicSchema {
			return nil, fmt.Errorf("schema %s: tables must be in schema %s", s.Name, publicSchema)
		}
		out = append(out, s.Tables...)
	}
	return out, nil
}

func inspect(ctx context.Context, driver atlas.Driver) (*schema.Schema, error) {
	return driver.InspectSchema(ctx, publicSchema, &schema.InspectOptions{
		Mode: schema.InspectSchemas | schema.InspectTables | schema.InspectTypes,
	})
}

// planStyle leaves names unqualified, since the runner sets the search path, and wraps long statements.
func planStyle(o *atlas.PlanOptions) {
	unqualified := ""
	o.SchemaQualifier = &unqualified
	o.Indent = "  "
}
