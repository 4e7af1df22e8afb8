package resolver

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

func TestNew_CacheIsBounded(t *testing.T) {
	t.Parallel()
	r := New(nil, TTL)
	for i := range cacheSize + 1 {
		r.cache.Add(workspace{id: strconv.Itoa(i)}, tenancy.ID{})
	}
	require.Equal(t, cacheSize, r.cache.Len())
}
