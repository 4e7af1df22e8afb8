package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func dotEnv(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

	return path
}

// What Compose reads from the same file was looked up with `docker compose config`.
func TestDotEnvReadsWhatComposeReads(t *testing.T) {
	t.Parallel()

	const bom = "\uFEFF"
	for content, want := range map[string]string{
		bom + "NAME=value\n":              "value",
		"NAME=${UNSET:-fallback}\n":       "fallback",
		"NAME=${EMPTY:-fallback}\n":       "fallback",
		"NAME=${EMPTY-fallback}\n":        "",
		"NAME=${PROCESS:-fallback}\n":     "of the process",
		"NAME=${PROCESS:+other}\n":        "other",
		"NAME=a/${UNSET:-b}/${PROCESS}\n": "a/b/of the process",
		"FIRST=one\nNAME=${FIRST}\n":      "one",
		"PROCESS=file\nNAME=${PROCESS}\n": "of the process",
		"NAME='${PROCESS} $it # is'\n":    "${PROCESS} $it # is",
		"NAME=\"a\\\"b\"\n":               `a"b`,
		"NAME=back\\slash\n":              `back\slash`,
		"NAME=pa$$word\n":                 "pa$word",
		"export NAME=value # comment\r\n": "value",
		"NAME=value#not a comment\n":      "value#not a comment",
		"NAME='two\nlines'\nOTHER=x\n":    "two\nlines",
	} {
		env, err := config.Environment([]string{"PROCESS=of the process", "EMPTY="}, dotEnv(t, content))
		require.NoError(t, err, content)
		require.Equal(t, want, env["NAME"], content)
	}
}

func TestDotEnvFaultsNameTheLineAndQuoteNothing(t *testing.T) {
	t.Parallel()

	utf16LE := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("NAME=canary\n")) {
		utf16LE = append(utf16LE, byte(unit), byte(unit>>8))
	}
	for name, c := range map[string]struct{ content, want string }{
		"no assignment":       {"# one\nA=1\n\ncanary; drop\nB=2\n", "line 4: is neither NAME=value nor a comment"},
		"the first line":      {"some canary\n", "line 1: is neither NAME=value nor a comment"},
		"an open quote":       {"A=1\n# note\nB=\"canary\nC=3\n", "line 3: a quoted value has no closing quote"},
		"a lone dollar":       {"A=1\nB='two\nlines'\nC=can${!ary\nD=4\n", "line 4: ${ begins no ${NAME}"},
		"an open reference":   {"A=1\nB=${canary\n", "line 2: ${ begins no ${NAME}"},
		"a required variable": {"A=1\nB=${UNSET:?canary}\n", "line 2: refers to a required variable"},
		"UTF-16":              {string(utf16LE), "line 1: is not UTF-8 text"},
		"UTF-16 without BOM":  {string(utf16LE[2:]), "line 1: is not UTF-8 text"},
		"Latin-1":             {"A=1\nB=caf\xe9\n", "line 2: is not UTF-8 text"},
	} {
		_, err := config.Environment(nil, dotEnv(t, c.content))
		require.ErrorIs(t, err, config.ErrDotEnv, name)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "canary", name)
	}
}
