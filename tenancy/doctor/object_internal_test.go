package doctor

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The lists match what the query reads.
func TestKindsAndPropertiesAreThoseOfTheQuery(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	for _, m := range regexp.MustCompile(`'([a-z_]{2}[a-z_ ]*)', `).FindAllStringSubmatch(objectsQuery, -1) {
		read[m[1]] = true
	}
	for _, name := range properties() {
		require.True(t, read[name], name)
	}
	for name := range read {
		known := slices.Contains(properties(), name) || slices.Contains(kinds(), name) ||
			slices.Contains([]string{"aggregate", "domain", "name", "props"}, name) // not properties
		require.True(t, known, name)
	}
}
