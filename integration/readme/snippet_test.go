package readme_test

import (
	"context"
	"fmt"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func printAgents(ctx context.Context, url string, id tenancy.ID) error {
	drv, err := pgtenant.Open(ctx, url) // logs in as konstruct_app
	if err != nil {
		return err
	}
	defer drv.Close()
	client := ent.NewClient(ent.Driver(drv))

	ctx = tenancy.With(ctx, id)                  // from here on, this tenant and no other
	agents, err := client.Agent.Query().All(ctx) // one round trip, this tenant's rows only
	for _, agent := range agents {
		fmt.Println(agent.Name)
	}
	return err
}
