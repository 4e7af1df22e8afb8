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

// build makes the tables of an Ent schema, scoped, in a scratch database that already has what they stand on, and reads
// all of it back: what PostgreSQL prints compares with what PostgreSQL prints.
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
			return nil, fmt.Errorf("the Ent schema makes no valid DDL: %s: %w", c.Cmd, err)
		}
	}
	return inspect(ctx, driver)
}

// desired is the base together with the scoped tables of the Ent schema.
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
			return nil, fmt.Errorf("table %s is an earlier chain's", t.Name)
		}
		whole.AddTables(t)
	}
	tenants, ok := whole.Table("tenants")
	if !ok {
		return nil, errors.New("there is no table tenants: apply Konstruct's chain first (Options.Base)")
	}
	return whole, scope(own, tenants, spec)
}

// convert turns Ent's tables into Atlas's. It makes new ones: Ent's are package variables.
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
			return nil, fmt.Errorf("schema %s: Konstruct's tables live in schema %s", s.Name, publicSchema)
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

// planStyle leaves names unqualified, for the runner pins the search path, and spreads long statements over lines.
func planStyle(o *atlas.PlanOptions) {
	unqualified := ""
	o.SchemaQualifier = &unqualified
	o.Indent = "  "
}
