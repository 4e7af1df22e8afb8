package attack_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/attack"
)

// quick runs one family, so that the report has every outcome but a breach.
func quick(t *testing.T, db *testdb.Database) *attack.Report {
	t.Helper()
	target := target(t, db)
	target.Commit, target.Superuser = "0123abc", ""
	report, _ := failing(t, target, "registration", "reads", "writes", "rights", "context", "leftovers", "injection",
		"session", "connection", "leak", "driver", "entities", "redis")
	return report
}

func TestTheReportExplainsItself(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	run(t, db.SuperURL, invoices)
	report := quick(t, db)
	require.Empty(t, report.Faults)

	var text, page, document bytes.Buffer
	require.NoError(t, report.Text(&text))
	require.NoError(t, report.Markdown(&page))
	require.NoError(t, report.JSON(&document))
	for name, form := range map[string]string{
		"text": text.String(), "markdown": page.String(), "json": document.String(),
	} {
		for _, meaning := range attack.Legend() {
			require.Contains(t, form, meaning, name)
		}
		for _, due := range []string{
			"0123abc", "docs/security/accepted-risks.md", "docs/security/attacks.md", "public.invoices",
		} {
			require.Contains(t, form, due, name)
		}
	}
	require.Contains(t, text.String(), "row-level security is enabled and forced on each of the 3 tables")
	require.Contains(t, page.String(), "| `public.invoices` | row-level security is enabled and forced |")
	require.Contains(t, page.String(), "([locks](docs/security/accepted-risks.md#locks))")

	var decoded attack.Report
	require.NoError(t, json.Unmarshal(document.Bytes(), &decoded))
	require.Contains(t, decoded.Protection, attack.Protection{Table: "public.invoices", Enabled: true, Forced: true})
	require.Equal(t, attack.Legend(), decoded.Legend)
}

// A requirement describes an attacker's success only where the risk is accepted and linked.
func TestRequirementsDoNotReadAsSuccess(t *testing.T) {
	t.Parallel()
	for _, a := range attack.All() {
		if a.Accepted != "" {
			require.True(t, strings.HasPrefix(a.Required, "no more than the accepted effect: "), a.ID)
			continue
		}
		for _, phrase := range []string{"the row", "it may", "its own row"} {
			require.NotEqual(t, phrase, a.Required, a.ID)
			require.False(t, strings.HasPrefix(a.Required, phrase+":"), a.ID)
		}
	}
}

func TestATableWithoutForceIsAFault(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ sql, says string }{
		"not forced": {
			"alter table invoices no force row level security",
			"row-level security is enabled, but NOT FORCED",
		},
		"disabled": {"alter table invoices disable row level security", "row-level security is DISABLED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testdb.New(t)
			run(t, db.SuperURL, invoices)
			run(t, db.SuperURL, tc.sql)
			report := quick(t, db)
			require.False(t, report.Holds)
			require.Contains(t, strings.Join(report.Faults, "\n"), "table public.invoices: "+tc.says)
			var text bytes.Buffer
			require.NoError(t, report.Text(&text))
			require.Contains(t, text.String(), "MISSING on public.invoices")
			require.Contains(t, text.String(), tc.says)
		})
	}
}
