package pgtenant_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// A statement that leaves a transaction open is refused as such when it had to be sent once more, too.
func TestBeginOnAChangedSession(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtenant.WithQueryMode(mode), pgtenant.WithMaxConns(1))
			for _, begin := range []string{"begin", "start transaction"} {
				_, err := pgtenant.Exec(as(t, h.a), h, "select set_config('app.current_tenant', $1, false)", h.b.String())
				require.NoError(t, err)
				_, err = pgtenant.Exec(as(t, h.a), h, begin)
				require.ErrorIs(t, err, pgtenant.ErrTxLeftOpen)
				h.healthy(t)
			}
		})
	}
}
