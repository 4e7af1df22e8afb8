package readme_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/mockt"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func TestREADMEShowsTheCodeThatRuns(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	shown, rest, found := strings.Cut(rest, "```\n")
	require.True(t, found)
	require.NotContains(t, rest, "```go\n", "each block of Go code needs an example that runs it")

	code, err := os.ReadFile("snippet_test.go")
	require.NoError(t, err)
	require.Equal(t, strings.TrimPrefix(string(code), "package readme_test\n\n"), shown)
}

// Each of two tenants sees its own agents, an unknown tenant sees none, and the zero id is an error.
func Example() {
	ctx := context.Background()
	example := mockt.New(ctx, "ExampleREADME")
	example.Do(func(t *mockt.T) {
		db := testdb.New(t)
		acme, globex := hire(ctx, db, "acme", "Ada", "Bob"), hire(ctx, db, "globex", "Cyd")
		unknown, _ := tenancy.Parse("018f6d0e-0000-7000-8000-0000000000aa")

		for _, id := range []tenancy.ID{acme, globex, unknown, {}} {
			fmt.Println(printAgents(ctx, db.AppURL, id))
		}
	})
	if err := example.Err(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Ada
	// Bob
	// <nil>
	// Cyd
	// <nil>
	// <nil>
	// query: tenancy: invalid tenant id
}

func hire(ctx context.Context, db *testdb.Database, slug string, names ...string) tenancy.ID {
	drv, err := pgtenant.Open(ctx, db.AppURL)
	if err != nil {
		panic(err)
	}
	defer func() { _ = drv.Close() }()
	client := ent.NewClient(ent.Driver(drv))
	row := client.Tenant.Create().SetName(slug).SetSlug(slug).SaveX(ctx)
	id, err := tenancy.FromUUID(row.ID)
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		client.Agent.Create().SetName(name).SaveX(tenancy.With(ctx, id))
	}
	return id
}
