package tenancy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const canonical = "018f6d0e-0000-7000-8000-0000000000aa"
	id, err := tenancy.Parse(canonical)
	require.NoError(t, err)
	require.Equal(t, canonical, id.String())
	require.Equal(t, uuid.MustParse(canonical), id.UUID())
	require.False(t, id.IsZero())

	// PostgreSQL and uuid.Parse accept most of these.
	for name, text := range map[string]string{
		"upper case":   strings.ToUpper(canonical),
		"braces":       "{" + canonical + "}",
		"URN":          "urn:uuid:" + canonical,
		"no hyphens":   strings.ReplaceAll(canonical, "-", ""),
		"white space":  canonical + " ",
		"empty":        "",
		"nil UUID":     uuid.Nil.String(),
		"not a UUID":   "acme",
		"a wildcard":   "*",
		"one too long": canonical + "0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tenancy.Parse(text)
			require.ErrorIs(t, err, tenancy.ErrInvalidID)
			require.True(t, got.IsZero())
			if len(text) > 8 {
				require.NotContains(t, err.Error(), text, "the input may be a secret in the wrong field")
			}
		})
	}
}

func TestZeroID(t *testing.T) {
	t.Parallel()
	var zero tenancy.ID
	require.True(t, zero.IsZero())
	require.Empty(t, zero.String())
	_, err := json.Marshal(zero)
	require.ErrorIs(t, err, tenancy.ErrInvalidID)
	_, err = tenancy.FromUUID(uuid.Nil)
	require.ErrorIs(t, err, tenancy.ErrInvalidID)
}

func TestIDAsJSON(t *testing.T) {
	t.Parallel()
	want := newID(t)
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.JSONEq(t, `"`+want.String()+`"`, string(text))
	var got tenancy.ID
	require.NoError(t, json.Unmarshal(text, &got))
	require.Equal(t, want, got)
	require.ErrorIs(t, json.Unmarshal([]byte(`"acme"`), &got), tenancy.ErrInvalidID)
}

func FuzzParse(f *testing.F) {
	f.Add("018f6d0e-0000-7000-8000-0000000000aa")
	f.Add("{018F6D0E-0000-7000-8000-0000000000AA}")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := tenancy.Parse(s); err == nil {
			require.Equal(t, s, id.String(), "one tenant has one spelling")
		}
	})
}
