package pgtenant_test

import (
	"context"
	"fmt"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// One driver serves all tenants. The context selects one.
func Example() { //nolint:testableexamples // it needs a database
	ctx := context.Background()
	drv, err := pgtenant.Open(ctx, "postgres://konstruct_app@localhost:5432/konstruct")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = drv.Close() }()
	client := ent.NewClient(ent.Driver(drv))

	acme, _ := tenancy.Parse("018f6d0e-0000-7000-8000-0000000000aa")
	agents, err := client.Agent.Query().All(tenancy.With(ctx, acme))
	fmt.Println(agents, err)
}

// A transaction has one tenant from its beginning.
func ExampleInTx() { //nolint:testableexamples // it needs a database
	hire := func(ctx context.Context, client *ent.Client, names ...string) error {
		return pgtenant.InTx(ctx, client.Tx, func(ctx context.Context, tx *ent.Tx) error {
			for _, name := range names {
				if err := tx.Agent.Create().SetName(name).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	_ = hire
}
