package doctor

import (
	"maps"
	"regexp"
	"slices"
	"strings"
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
	properties := strings.Split(properties, ", ")
	for _, name := range properties {
		require.True(t, read[name], name)
	}
	known := slices.Concat(properties, strings.Split(kinds, ", "), []string{"aggregate", "domain", "name", "props"})
	require.Subset(t, known, slices.Collect(maps.Keys(read)))
}
