package readme_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/mockt"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func TestREADMEShowsTheCodeThatRuns(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(read(t, "../../README.md"), "```go\n")
	require.True(t, found)
	shown, rest, found := strings.Cut(rest, "```\n")
	require.True(t, found)
	require.NotContains(t, rest, "```go\n", "each block of Go code needs an example that runs it")

	require.Equal(t, strings.TrimPrefix(read(t, "snippet_test.go"), "package readme_test\n\n"), shown)
}

// The page on attacks is generated from the attacks.
func TestREADMECountsTheAttacks(t *testing.T) {
	t.Parallel()
	readme, total := read(t, "../../README.md"), 0
	for _, section := range strings.Split(read(t, "../../docs/security/attacks.md"), "\n## ")[1:] {
		family, list, _ := strings.Cut(section, "\n")
		attacks := strings.Count(list, "\n| `")
		if attacks > 0 && family != "Read-only checks of a live database" {
			require.Regexp(t, fmt.Sprintf(`(?m)^  held   %s +%d attacks `, family, attacks), readme)
			total += attacks
		}
	}
	require.Contains(t, readme, fmt.Sprintf("\nIsolation holds: %d attacks, ", total))
}

func TestREADMEShowsWhatTheDoctorPrints(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	owner, err := pgxpool.New(t.Context(), db.OwnerURL)
	require.NoError(t, err)
	defer owner.Close()
	_, err = owner.Exec(t.Context(), "ALTER TABLE agents NO FORCE ROW LEVEL SECURITY")
	require.NoError(t, err)
	spec := migrate.Spec()
	spec.AskedBy = migrate.OwnerRole
	report, err := doctor.Check(t.Context(), owner, spec)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	_, finding, found := strings.Cut(text.String(), "\n\nERROR")
	require.True(t, found, text.String())
	require.Contains(t, read(t, "../../README.md"), "\nERROR"+finding)
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
