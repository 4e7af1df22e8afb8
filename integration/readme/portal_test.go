package readme_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The blocks of code are files of the example, which is type-checked and driven in a browser.
func TestPortalPageShowsTheFilesOfTheExample(t *testing.T) {
	t.Parallel()
	page := read(t, "../../docs/portal.md")
	shown := regexp.MustCompile("(?s)<!-- file (\\S+) -->\n```(?:ts|tsx|js)\n(.*?)```\n").FindAllStringSubmatch(page, -1)
	code := regexp.MustCompile("(?m)^```(ts|tsx|js)$").FindAllString(page, -1)
	require.Len(t, shown, len(code), "each block of code names its file")
	require.Greater(t, len(shown), 5)
	for _, block := range shown {
		require.Equal(t, read(t, "../../"+block[1]), block[2], block[1])
	}
}
