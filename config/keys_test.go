package config_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	example := readExample(t)["KONSTRUCT_SECRETS_KEY"]
	newest := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("n", 32)))
	here, elsewhere := "postgres://konstruct_app:x@127.0.0.1/konstruct", "postgres://konstruct_app:x@db/konstruct"

	for name, tc := range map[string]struct {
		url, keys string
		faulty    []string
	}{
		"new key before the old one": {url: elsewhere, keys: newest + "," + example},
		"example on one machine":     {url: here, keys: example},
		"example as the sealing key": {
			url: elsewhere, keys: example + "," + newest, faulty: []string{"KONSTRUCT_SECRETS_KEY"},
		},
		"no key": {url: here, faulty: []string{"KONSTRUCT_SECRETS_KEY"}},
		"wrong key length": {
			url: here, keys: newest + ",c2hvcnQ=", faulty: []string{"KONSTRUCT_SECRETS_KEY"},
		},
		"superuser": {
			url: "postgres://postgres:x@127.0.0.1/konstruct", keys: newest, faulty: []string{"DATABASE_URL"},
		},
		"example password on another host": {
			url:  "postgres://konstruct_app:konstruct-app-example@db/konstruct",
			keys: newest, faulty: []string{"DATABASE_URL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := config.LoadKeys(config.Env{"DATABASE_URL": tc.url, "KONSTRUCT_SECRETS_KEY": tc.keys})
			if tc.faulty != nil {
				require.Equal(t, tc.faulty, variables(t, err))
				return
			}
			require.NoError(t, err)
			require.NotEmpty(t, keys.SecretsKeys.Reveal())
		})
	}
}
