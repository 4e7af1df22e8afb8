package pgtenant

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

// An error text of a later version of pgx could repeat a value.
func TestUnknownErrorsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, e := range []effect{noEffect, readOnlyEffect, writeEffect, commitEffect} {
		err := translate(t.Context(), tenancy.ID{}, e, errors.New("canary"))
		require.NotContains(t, err.Error(), "canary")
		require.ErrorContains(t, err, "*errors.errorString")
	}
}
