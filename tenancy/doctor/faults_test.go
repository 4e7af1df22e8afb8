package doctor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/migrate"
)

// fault is a planted fault of testdata/faults.sql or roles.sql.
type fault struct{ findings, given, plant string }

func faults(t *testing.T, file string) (all []fault) {
	t.Helper()
	for _, section := range strings.Split(read(t, file), "\n\n--- ")[1:] {
		findings, script, _ := strings.Cut(section, "\n")
		given, plant, found := strings.Cut(script, "\n--- plant\n")
		if !found {
			given, plant = "", script
		}
		all = append(all, fault{findings, given, plant})
	}
	return all
}

// verify requires a clean database, plants the fault, requires its findings, applies the printed remedies, and requires
// a clean database again.
func (f fault) verify(t *testing.T, b *testBundle) {
	t.Helper()
	named := strings.NewReplacer("{db}", b.Name).Replace
	if f.given != "" {
		b.run(t, named(f.given))
		b.accept(t)
	}
	require.Empty(t, serious(b.check(t)), "clean before")

	b.run(t, named(f.plant))
	report := b.check(t)
	require.ElementsMatch(t, strings.Split(named(f.findings), "; "), serious(report))

	for _, finding := range report.Findings {
		b.run(t, finding.Remedy)
	}
	require.Empty(t, serious(b.check(t)), "clean after %s", report.Findings[0].Remedy)
}

func TestEachFaultIsFoundAndFixed(t *testing.T) {
	t.Parallel()
	for _, f := range faults(t, "faults.sql") {
		t.Run(f.findings, func(t *testing.T) {
			t.Parallel()
			f.verify(t, setup(t))
		})
	}
}

// Each definer function is compared: its body, its owner and who may call it.
//
//nolint:paralleltest,tparallel // one database, which each remedy restores
func TestEachDefinerIsCompared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for function := range b.spec.Definers {
		for finding, plant := range map[string]string{
			"definer.differs function " + function: `DO $$ DECLARE was text := pg_get_functiondef('{f}'::regprocedure);
				BEGIN EXECUTE replace(was, 'WHERE (', 'WHERE (true OR '); END $$`,
			"definer.owner function " + function + ": owned by konstruct_owner": "ALTER FUNCTION {f} OWNER TO konstruct_owner",
			"definer.grant routine " + function + ": EXECUTE to PUBLIC":         "GRANT EXECUTE ON FUNCTION {f} TO PUBLIC",
		} {
			t.Run(finding, func(t *testing.T) {
				fault{findings: finding, plant: strings.ReplaceAll(plant, "{f}", function)}.verify(t, b)
			})
		}
	}
}

// Roles belong to the cluster, so these faults run one after the other on a separate cluster.
//
//nolint:paralleltest,tparallel // see above
func TestEachFaultOfRolesIsFoundAndFixed(t *testing.T) {
	t.Parallel()
	db := testdb.OwnCluster(t).New(t)
	for _, f := range faults(t, "roles.sql") {
		t.Run(f.findings, func(t *testing.T) {
			f.verify(t, &testBundle{db, migrate.Spec()})
		})
	}
}
