package resolver

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

// A size or TTL of 0 would disable the cache's bounds.
func TestOptions_Defaults(t *testing.T) {
	t.Parallel()
	defaults := Options{Size: defaultSize, TTL: defaultTTL}
	require.Equal(t, defaults, Options{}.withDefaults())
	require.Equal(t, defaults, Options{Size: -1, TTL: -1}.withDefaults())
	set := Options{Size: 1, TTL: time.Hour}
	require.Equal(t, set, set.withDefaults())

	for opt, size := range map[Options]int{{}: defaultSize, set: 1} {
		r := New(nil, opt)
		for i := range defaultSize + 1 {
			r.cache.Add(workspace{id: strconv.Itoa(i)}, tenancy.ID{})
		}
		require.Equal(t, size, r.cache.Len())
	}
}
