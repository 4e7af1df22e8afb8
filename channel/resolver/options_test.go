package resolver

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

// For the cache, zero would mean no bound and no expiry.
func TestOptionsAreBounded(t *testing.T) {
	t.Parallel()
	defaults := Options{Size: defaultSize, Keep: defaultKeep}
	require.Equal(t, defaults, Options{}.withDefaults())
	require.Equal(t, defaults, Options{Size: -1, Keep: -1}.withDefaults())
	set := Options{Size: 1, Keep: time.Hour}
	require.Equal(t, set, set.withDefaults())

	for opt, size := range map[Options]int{{}: defaultSize, set: 1} {
		r := New(nil, opt)
		for i := range defaultSize + 1 {
			r.kept.Add(workspace{id: strconv.Itoa(i)}, tenancy.ID{})
		}
		require.Equal(t, size, r.kept.Len())
	}
}
