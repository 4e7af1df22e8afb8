package server_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/sweep"
)

// documented returns the rows of the table in a section of docs/operations.md, without its header.
func documented(t *testing.T, section string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, body, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found, section)
	body, _, _ = strings.Cut(body, "\n## ")
	for line := range strings.Lines(body) {
		if inner, ok := strings.CutPrefix(strings.TrimSpace(line), "| "); ok {
			rows = append(rows, strings.Split(strings.TrimSuffix(inner, " |"), " | "))
		}
	}
	require.NotEmpty(t, rows)
	return rows[1:] // the line of dashes has no space
}

func TestRetentionIsDocumented(t *testing.T) {
	t.Parallel()
	var want [][]string
	for _, class := range sweep.Retention() {
		want = append(want, []string{"`" + class.Table + "`", strconv.Itoa(class.Days), class.After, class.By})
	}
	require.Equal(t, want, documented(t, "Retention"))
}

func TestLimitsAreDocumented(t *testing.T) {
	t.Parallel()
	thousands := strings.NewReplacer("1000", "1,000")
	var want [][]string
	for _, limit := range operation.Limits() {
		want = append(want, []string{limit.Class, thousands.Replace(strconv.Itoa(limit.Most))})
	}
	require.Equal(t, want, documented(t, "Limits"))
}
