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

// A project with tables of its own applies its folder after Konstruct's. Its revisions are kept apart.
//
//nolint:testableexamples // it needs a server
func ExampleUp() {
	own := migrate.Chain{Name: "shop", Files: os.DirFS("migrations"), Revisions: "shop_schema_revisions"}
	result, err := migrate.Up(context.Background(), migrate.Options{
		URL:    os.Getenv("MIGRATION_DATABASE_URL"),
		Chains: []migrate.Chain{migrate.Konstruct(), own},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // several lines where the database was never bootstrapped
		return
	}
	fmt.Println("applied", result.Applied)
}

// The same project plans its next file. A table without a tenant has to be listed, with the reason why.
//
//nolint:testableexamples // it needs a server
func ExampleDiff() {
	plan, err := migrate.Diff(context.Background(), migrate.DiffOptions{
		Name:   "add_orders",
		Dir:    "migrations",
		Tables: entmigrate.Tables, // of the project's own generated client
		Base:   []migrate.Chain{migrate.Konstruct()},
		Spec: migrate.Spec().With(doctor.Spec{
			Global: map[string]string{"public.currencies": "the same for everybody"},
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
