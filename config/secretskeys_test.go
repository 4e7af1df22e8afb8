package config_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestSecretsKeysAreReadInOneSpelling(t *testing.T) {
	t.Parallel()
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{0xff}, 32)
	one, two := base64.StdEncoding.EncodeToString(first), base64.StdEncoding.EncodeToString(second)
	for text, want := range map[string][][]byte{
		one:                      {first},
		one + "," + two:          {first, second},
		" " + one + " ,\t" + two: {first, second},
	} {
		var keys config.SecretsKeys
		require.NoError(t, keys.UnmarshalText([]byte(text)))
		require.Equal(t, want, keys.Reveal())
	}
	for _, text := range []string{
		"canary", ",", one + ",", "," + one, one + ",canary", one + one, strings.TrimRight(one, "="), one[:40],
		base64.URLEncoding.EncodeToString(second), base64.StdEncoding.EncodeToString(first[:31]), one + ";" + two,
		one[:len(one)-2] + "F=", // the same 32 bytes in another spelling
	} {
		var keys config.SecretsKeys
		err := keys.UnmarshalText([]byte(text))
		require.Error(t, err, text)
		require.False(t, keys.IsSet())
		for part := range strings.SplitSeq(text, ",") {
			if part != "" {
				require.NotContains(t, err.Error(), part)
			}
		}
	}
}
