package doctor_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

func codes() []string {
	var out []string
	for _, l := range doctor.Lints() {
		out = append(out, l.Code)
	}
	return out
}

func TestLintsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range doctor.Lints() {
		require.Regexp(t, `^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$`, l.Code)
		require.False(t, seen[l.Code], "%s is duplicated", l.Code)
		seen[l.Code] = true
		require.Contains(t, []doctor.Level{doctor.LevelError, doctor.LevelWarning, doctor.LevelInfo}, l.Level)
		require.True(t, strings.HasSuffix(l.Risk, "."), "%s: %s", l.Code, l.Risk)
	}
}

// A lint without a planted fault is untested.
func TestEveryLintHasAPlantedFault(t *testing.T) {
	t.Parallel()
	planted := []string{
		"server.too-old", "server.rls-holes", "server.untried", // TestServerVersions
		"role.unexpected", // TestCheckingRole
		// migrate: TestEmptyDatabase, TestBinaryOlderThanDatabase, TestOnlyUTF8; here: TestSpec
		"database.not-migrated", "snapshot.other-version", "server.encoding", "snapshot.missing",
		"extension.present", "schema.outside", // TestUnreachableObjectsAreInformation
	}
	for _, f := range slices.Concat(faults(t, "faults.sql"), faults(t, "roles.sql")) {
		for finding := range strings.SplitSeq(f.findings, "; ") {
			planted = append(planted, strings.Fields(finding)[0])
		}
	}
	for _, code := range codes() {
		require.Contains(t, planted, code)
	}
	for _, code := range planted {
		require.Contains(t, codes(), code)
	}
}

func TestDocumentationListsEveryLint(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/security/doctor.md")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z.-]+)` \\| (.*) \\|$").FindAllStringSubmatch(string(raw), -1) {
		documented[row[1]] = row[2]
	}
	for _, l := range doctor.Lints() {
		require.Contains(t, documented, l.Code)
		require.True(t, strings.HasPrefix(documented[l.Code], string(l.Level)+" | "+l.Risk+" | "),
			"docs/security/doctor.md says of %s: %s; the code says: %s | %s", l.Code, documented[l.Code], l.Level, l.Risk)
		delete(documented, l.Code)
	}
	require.Empty(t, documented, "unknown codes")
}
