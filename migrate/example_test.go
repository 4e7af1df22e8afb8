package migrate_test

import (
	"context"
	"fmt"
	"os"
	"time"

	entmigrate "github.com/konstruct/konstruct/ent/migrate"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// A project applies its own folder after Konstruct's, with its own revision table.
//
//nolint:testableexamples // it needs a server
func ExampleUp() {
	own := migrate.Chain{Name: "shop", Files: os.DirFS("migrations"), Revisions: "shop_schema_revisions"}
	result, err := migrate.Up(context.Background(), migrate.Options{
		URL:    os.Getenv("MIGRATION_DATABASE_URL"),
		Chains: []migrate.Chain{migrate.Konstruct(), own},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // several lines if the bootstrap is missing
		return
	}
	fmt.Println("applied", result.Applied)
}

// The same project plans its next file. A table without a tenant must be listed with a reason.
//
//nolint:testableexamples // it needs a server
func ExampleDiff() {
	plan, err := migrate.Diff(context.Background(), migrate.DiffOptions{
		Name:   "add_orders",
		Dir:    "migrations",
		Tables: entmigrate.Tables, // of the project's own generated client
		Base:   []migrate.Chain{migrate.Konstruct()},
		Spec: migrate.Spec().With(doctor.Spec{
			Global: map[string]string{"public.currencies": "the same for all tenants"},
		}),
		ScratchURL: os.Getenv("SCRATCH_DATABASE_URL"), // a superuser's, of a server for development
		Now:        time.Now(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println("wrote", plan.File)
}
