package isolation_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/isolation"
)

var update = flag.Bool("update", false, "rewrite docs/security/attacks.md")

const (
	attacksPage = root + "/docs/security/attacks.md"
	risksPage   = root + "/docs/security/accepted-risks.md"
	beginList   = "<!-- The list is written by: go test ./integration/isolation -run TestAttackList -update -->\n"
	endList     = "<!-- End of the list. -->\n"
)

// sources are the files of each family's attacks, in the order of the page.
var sources = []struct{ family, title, file string }{
	{"reads", "Reading", "tenancy/attack/reads.go"},
	{"writes", "Writing", "tenancy/attack/writes.go"},
	{"keys", "Foreign and unique keys", "tenancy/attack/keys.go"},
	{"rights", "Rights of the role", "tenancy/attack/rights.go"},
	{"side-channels", "Errors, notices, plans and statistics", "tenancy/attack/sidechannels.go"},
	{"context", "Where the tenant comes from", "tenancy/attack/contexts.go"},
	{"leftovers", "State left on a connection", "tenancy/attack/leftovers.go"},
	{"injection", "Injected SQL", "tenancy/attack/injections.go"},
	{"session", "Session settings", "tenancy/attack/sessions.go"},
	{"connection", "Prepared statements, cursors and channels", "tenancy/attack/connections.go"},
	{"leak", "Connections and slots that are not released", "tenancy/attack/leaks.go"},
	{"driver", "The driver's states", "tenancy/attack/driver.go"},
	{"entities", "The application's own code", "tenancy/attack/entities.go"},
	{"pins", "Accepted risks of the application's tables", "integration/isolation/pins.go"},
	{"redis", "Keys in Redis", "tenancy/attack/redis.go"},
	{"live", "Read-only checks of a live database", "tenancy/attack/livereads.go"},
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen, list := map[string]bool{}, attackList(t)
	for _, a := range isolation.Attacks() {
		require.False(t, seen[a.ID], a.ID)
		seen[a.ID] = true
		require.NotEmpty(t, a.Does, a.ID)
		require.NotEmpty(t, a.Required, a.ID)
		require.Contains(t, list, "`"+a.ID+"`")
	}
}

func TestAttackList(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(attacksPage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), beginList)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, endList)
	require.True(t, ok)
	want := before + beginList + attackList(t) + endList + after
	if *update {
		require.NoError(t, os.WriteFile(attacksPage, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(page), "run: go test ./integration/isolation -run TestAttackList -update")
}

func attackList(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, s := range sources {
		require.FileExists(t, filepath.Join(root, s.file))
		fmt.Fprintf(&b, "\n## %s\n\nIn [`%s`](../../%s)", s.title, s.file, s.file)
		if s.family == "entities" {
			b.WriteString(" for every entity; those of Konstruct and the fixture in [`integration/isolation`](../../integration/isolation)")
		}
		b.WriteString(".\n\n| id | what is tried | required |\n|---|---|---|\n")
		for _, a := range isolation.Attacks() {
			if a.Family != s.family {
				continue
			}
			required := a.Required
			if a.Accepted != "" {
				required += "; [accepted](accepted-risks.md#" + a.Accepted + ")"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.ID, a.Does, required)
		}
	}
	return b.String() + "\n"
}

// Each pinned risk is explained, and each explained risk that claims a pin has one.
func TestAcceptedRisksAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(risksPage)
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, a := range isolation.Attacks() {
		ids[a.ID] = true
		if a.Accepted != "" {
			require.Contains(t, string(page), "<a id=\""+a.Accepted+"\"></a>", "%s is accepted without an explanation", a.ID)
			require.Contains(t, string(page), "`"+a.ID+"`", "%s pins a risk that does not name it", a.ID)
		}
	}
	for _, pins := range regexp.MustCompile("(?m)^Pinned by .*$").FindAllString(string(page), -1) {
		for _, id := range regexp.MustCompile("[^ ,.`]+-[^ ,.`]+").FindAllString(pins, -1) {
			require.Contains(t, ids, id, "there is no such attack")
		}
	}
}
