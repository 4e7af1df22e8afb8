package attack_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/attack"
)

// quick runs two families, so that the report has every outcome but a breach.
func quick(t *testing.T, sql string) *attack.Report {
	t.Helper()
	target := target(t, withInvoices(t, sql))
	target.Commit, target.Superuser = "0123abc", ""
	report, _ := failing(t, target, "keys", "side-channels")
	return report
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, write(&b))
	return b.String()
}

func TestTheReportExplainsItself(t *testing.T) {
	t.Parallel()
	report := quick(t, "")
	require.Empty(t, report.Faults)

	text, page, document := written(t, report.Text), written(t, report.Markdown), written(t, report.JSON)
	for name, form := range map[string]string{"text": text, "markdown": page, "json": document} {
		for _, meaning := range attack.Legend() {
			require.Contains(t, form, meaning, name)
		}
		for _, due := range []string{
			"0123abc", "docs/security/accepted-risks.md", "docs/security/attacks.md", "public.invoices",
		} {
			require.Contains(t, form, due, name)
		}
	}
	require.Contains(t, text, "row-level security is enabled and forced on each of the 7 tables")
	require.Contains(t, page, "| `public.invoices` | row-level security is enabled and forced |")
	require.Contains(t, page, "([locks](docs/security/accepted-risks.md#locks))")

	var decoded attack.Report
	require.NoError(t, json.Unmarshal([]byte(document), &decoded))
	require.Contains(t, decoded.Protection, attack.Protection{Table: "public.invoices", Enabled: true, Forced: true})
	require.Equal(t, attack.Legend(), decoded.Legend)
}

// A requirement describes an attacker's success only where the risk is accepted and linked.
func TestRequirementsDoNotReadAsSuccess(t *testing.T) {
	t.Parallel()
	for _, a := range attack.All(attack.Target{}) {
		if a.Accepted != "" {
			require.True(t, strings.HasPrefix(a.Required, "no more than the accepted effect: "), a.ID)
			continue
		}
		gets, _, _ := strings.Cut(a.Required, ":")
		require.NotContains(t, []string{"the row", "it may", "its own row"}, gets, a.ID)
	}
}

func TestATableWithoutForceIsAFault(t *testing.T) {
	t.Parallel()
	for sql, says := range map[string]string{
		"alter table invoices no force row level security": "row-level security is enabled, but NOT FORCED",
		"alter table invoices disable row level security":  "row-level security is DISABLED",
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			report := quick(t, sql)
			require.False(t, report.Holds)
			require.Contains(t, strings.Join(report.Faults, "\n"), "table public.invoices: "+says)
			text := written(t, report.Text)
			require.Contains(t, text, "MISSING on public.invoices")
			require.Contains(t, text, says)
		})
	}
}
