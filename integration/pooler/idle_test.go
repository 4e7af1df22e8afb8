//go:build pooler

package pooler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A connection that was idle for more than a second is pinged through the pooler, and kept.
func TestAnIdleConnectionIsKept(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, mode, poolSize)
			h.healthy(t)
			made := h.Pool().Stat().NewConnsCount()
			time.Sleep(1100 * time.Millisecond)
			h.healthy(t)
			require.Equal(t, made, h.Pool().Stat().NewConnsCount())
		})
	}
}
