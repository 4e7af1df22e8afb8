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

// The values are from Compose's parser.
func TestDotEnvReadsWhatComposeReads(t *testing.T) {
	t.Parallel()

	const bom = "\uFEFF"
	for content, want := range map[string]string{
		bom + "NAME=value\n":                      "value",
		"FIRST=one\nNAME=${FIRST}\n":              "one",
		"FIRST=one\nNAME=a/$FIRST/b\n":            "a/one/b",
		"FIRST=one\nFIRST=two\nNAME=\"<$FIRST>\"": "<two>",
		"SAME=as here\nNAME=${SAME}\n":            "as here",
		"EMPTY=\nNAME=${EMPTY}\n":                 "",
		"NAME='${PROCESS} $it # is'\n":            "${PROCESS} $it # is",
		"NAME=\"a\\\"b\"\n":                       `a"b`,
		"NAME=\"a\\nb\"\n":                        "a\nb",
		"NAME=back\\slash\n":                      `back\slash`,
		"NAME='back\\slash\\n'\n":                 `back\slash\n`,
		"export NAME=value # comment\r\n":         "value",
		"\texport\tNAME = value \t\n":             "value",
		"NAME=value#not a comment\n":              "value#not a comment",
		"NAME=value # of issue #7 # it's\n":       "value",
		"NAME='value'# \"comment\n":               "value",
		"NAME='two\nlines'\nOTHER=x\n":            "two\nlines",
		"NAME=\"two\n#lines\" # comment\n":        "two\n#lines",
		"NAME=it's a \"value\"\n":                 `it's a "value"`,
		"NAME=a=b==":                              "a=b==",
		"NAME=\"\"\n":                             "",
		"NAME=\r\nOTHER=x\r\n":                    "",
		"A.B=x\n # NAME='\n\n\t\nNAME=value":      "value",
	} {
		environ := []string{"PROCESS=of the process", "SAME=as here", "EMPTY="}
		env, err := config.Environment(environ, dotEnv(t, content))
		require.NoError(t, err, content)
		require.Contains(t, env, "NAME", content)
		require.Equal(t, want, env["NAME"], content)
	}
}

// godotenv and Compose read these differently.
func TestDotEnvRefusesWhatComposeReadsDifferently(t *testing.T) {
	t.Parallel()

	const (
		reference = "has a $ that does not refer to an upper-case variable set above"
		process   = "refers to a variable that the environment sets to another value"
		inQuotes  = "has a backslash or CR LF in quotes that Docker Compose reads differently"
		unquoted  = "has an unusual space, or a # that Docker Compose reads differently"
		neither   = "is neither NAME=value nor a comment"
		text      = "has a quoted value without a closing quote, or with text after it"
	)
	for content, want := range map[string]string{
		"NAME=${FIRST:-canary}":    reference,
		"NAME=${FIRST-canary}":     reference,
		"NAME=${FIRST:+canary}":    reference,
		"NAME=${FIRST+canary}":     reference,
		"NAME=${FIRST:?canary}":    reference,
		"NAME=${FIRST?canary}":     reference,
		"NAME=${UNSET:-${FIRST}}":  reference,
		"NAME=${UNSET}":            reference,
		"NAME=${PROCESS}":          reference,
		"NAME=${NAME}":             reference,
		"NAME=${lower}":            reference,
		"NAME=$lower":              reference,
		"NAME=$FIRSTcanary":        reference,
		"NAME=$FIRST}":             reference,
		"NAME=$FIRST\u212A":        reference,
		"NAME=${FIRST":             reference,
		"NAME=${!canary}":          reference,
		"NAME=$(canary)":           reference,
		"NAME=canary$$FIRST":       reference,
		"NAME=canary$":             reference,
		"NAME=$1":                  reference,
		"NAME=\\$FIRST":            reference,
		"NAME=\"\n${UNSET}\"":      reference,
		"NAME=$OTHER":              process,
		"NAME=\"$FIRST ${OTHER}\"": process,
		"NAME=\"can\\ary\"":        inQuotes,
		"NAME=\"can\\tary\"":       inQuotes,
		"NAME=\"can\\\\ary\"":      inQuotes,
		"NAME=\"canary\\\"\"":      inQuotes,
		"NAME=\"C:\\canary\\\\\"":  inQuotes,
		"NAME=\"can\\$FIRST\"":     inQuotes,
		"NAME='can\\'ary'":         inQuotes,
		"NAME='canary\\\\'":        inQuotes,
		"NAME='can\r\nary'":        inQuotes,
		"NAME=can\rB=ary":          unquoted,
		"NAME=canary\u00a0":        unquoted,
		"NAME=canary\u3000":        unquoted,
		"NAME=canary\t# comment":   unquoted,
		"NAME= # canary":           unquoted,
		"NAME=#canary":             unquoted,
		"NAME: canary":             neither,
		"canary":                   neither,
		"export canary":            neither,
		"export =canary":           neither,
		"a key=canary":             neither,
		"key-canary=1":             neither,
		"1NAME=canary":             neither,
		"=canary":                  neither,
		"NAME='canary'x":           text,
		"NAME='a' OTHER=canary":    text,
		"NAME='canary":             text,
		"NAME=\"canary\\\"":        text,
	} {
		above := "FIRST=one\n\nlower=two\nOTHER='thr\nee'\n"
		_, err := config.Environment([]string{"PROCESS=canary", "OTHER="}, dotEnv(t, above+content+"\nLAST=x\n"))
		require.ErrorIs(t, err, config.ErrDotEnv, content)
		require.ErrorContains(t, err, "line 6: "+want, content)
		require.NotContains(t, err.Error(), "canary", content)
	}
}

func TestDotEnvFaultsNameTheLineAndQuoteNothing(t *testing.T) {
	t.Parallel()

	utf16LE := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("NAME=canary\n")) {
		utf16LE = append(utf16LE, byte(unit), byte(unit>>8))
	}
	for content, want := range map[string]string{
		"# one\nA=1\n\ncanary; drop\nB=2\n":       "line 4: is neither NAME=value nor a comment",
		"some canary\n":                           "line 1: is neither NAME=value nor a comment",
		"A=1\n# note\nB=\"canary\nC=3\n":          "line 3: has a quoted value without a closing quote",
		"A=1\nB='two\nlines'\nC=can${!ary\nD=4\n": "line 4: has a $ that does not refer",
		"A=1\nB=${canary\n":                       "line 2: has a $ that does not refer",
		"A=1\nB=${UNSET:?canary}\n":               "line 2: has a $ that does not refer",
		string(utf16LE):                           "line 1: is not UTF-8;",
		string(utf16LE[2:]):                       "line 1: is not UTF-8;",
		"A=1\nB=caf\xe9\n":                        "line 2: is not UTF-8;",
	} {
		_, err := config.Environment(nil, dotEnv(t, content))
		require.ErrorIs(t, err, config.ErrDotEnv, content)
		require.ErrorContains(t, err, want, content)
		require.NotContains(t, err.Error(), "canary", content)
	}
}
