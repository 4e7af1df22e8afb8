package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
)

// A module with one protection and its tests, to try the runner on.
const (
	guardSource = "package guard\n\nfunc Open(key string) bool {\n\tif key == \"\" {\n\t\treturn false\n\t}\n\treturn key == \"right\"\n}\n"
	guardTests  = `package guard

import "testing"

func TestWrongKey(t *testing.T) {
	t.Run("of another user", func(t *testing.T) {
		if Open("wrong") {
			t.Fatal("open")
		}
	})
}

func TestNoKey(t *testing.T) {
	if Open("") {
		t.Fatal("open")
	}
}
`
)

func guardSuite(t *testing.T) suite {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                                "module guarded.test\n\ngo 1.26\n",
		filepath.Join("guard", "guard.go"):      guardSource,
		filepath.Join("guard", "guard_test.go"): guardTests,
	} {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return suite{root: folder}
}

func TestCodeSaboteurs(t *testing.T) {
	t.Parallel()
	const file, check = "guard/guard.go", `return key == "right"`
	change := func(find, replace string) []edit { return []edit{{file, find, replace}} }
	openAll, noCheck := change(check, "return true"), never(file, `if key == "" {`)
	wrongKey, noKey := in("guard", "TestWrongKey/of another user"), in("guard", "TestNoKey")
	for name, tt := range map[string]struct {
		sabotage saboteur
		want     status
		says     string
	}{
		"a change that a test catches":           {saboteur{edits: openAll}, caught, ""},
		"a change that changes nothing":          {saboteur{edits: change(check, `return "right" == key`)}, unnoticed, ""},
		"a change that another protection hides": {saboteur{edits: noCheck, caught: noKey}, unnoticed, ""},
		"the same, with the other one gone first": {
			saboteur{given: change(check, `return key != "wrong"`), edits: noCheck, caught: noKey}, caught, "",
		},
		"one that the other is not enough for":  {saboteur{given: openAll, edits: noCheck}, broken, "without the other layers"},
		"one that takes more than it says":      {saboteur{edits: openAll, holds: wrongKey}, unnoticed, ""},
		"one after which something still holds": {saboteur{edits: openAll, holds: noKey}, caught, ""},
		"a protection that has moved":           {saboteur{edits: change("if key == nil {", "")}, broken, "update the saboteur"},
		"a text that is there more than once":   {saboteur{edits: change("return", "")}, broken, "update the saboteur"},
		"a file that is gone":                   {saboteur{edits: []edit{{"guard/lock.go", "x", ""}}}, broken, "update the saboteur"},
		"a change that does not build":          {saboteur{edits: change(check, "return kee")}, broken, "undefined: kee"},
		"a test that does not exist":            {saboteur{edits: openAll, caught: in("guard", "TestRightKey")}, broken, "no test"},
		"a change after which a test panics":    {saboteur{edits: change(check, "panic(key)")}, caught, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.sabotage.caught == nil {
				tt.sabotage.caught = wrongKey
			}
			s := guardSuite(t)
			v := s.tryCode(t.Context(), tt.sabotage)
			require.Equal(t, tt.want, v.Status, v.Why)
			require.Contains(t, v.Why, tt.says)
			text, err := os.ReadFile(filepath.Join(s.root, file))
			require.NoError(t, err)
			require.Equal(t, guardSource, string(text), "the tree stays as it is")
		})
	}
}

func TestDataSaboteurs(t *testing.T) {
	t.Parallel()
	finding, breach := []string{"rls.disabled"}, []string{"A46-read-by-id"}
	both := examined{findings: finding, breaches: breach}
	for name, tt := range map[string]struct {
		sabotage saboteur
		found    examined
		want     status
	}{
		"found and breached":           {saboteur{doctor: finding, attacks: breach}, both, caught},
		"another finding":              {saboteur{doctor: []string{"rls.not-forced"}, attacks: breach}, both, unnoticed},
		"another attack":               {saboteur{doctor: finding, attacks: []string{"A47-give"}}, both, unnoticed},
		"an attack where none may":     {saboteur{doctor: finding}, both, unnoticed},
		"found, and another layer":     {saboteur{doctor: finding}, examined{findings: finding}, caught},
		"nothing notices":              {saboteur{doctor: finding}, examined{}, unnoticed},
		"nothing notices, or should":   {saboteur{}, examined{}, unnoticed},
		"noticed by the attacks alone": {saboteur{attacks: breach}, examined{breaches: breach}, caught},
	} {
		v := tt.found.judge(newVerdict(tt.sabotage), tt.sabotage).end(nil, time.Now())
		require.Equal(t, tt.want, v.Status, name)
	}
}

func TestDataSaboteursOnADatabase(t *testing.T) {
	t.Parallel()
	cluster := testdb.OwnCluster(t)
	try := func(plant string) verdict {
		return tryData(t.Context(), cluster, saboteur{
			plant: plant, doctor: []string{"rls.disabled"}, attacks: []string{"A46-read-by-id"},
		}, false)
	}
	nothing := try("SELECT 1")
	require.Equal(t, unnoticed, nothing.Status, nothing.Why)
	require.Empty(t, nothing.By)
	require.Equal(t, broken, try("SELECT 1 / 0").Status)
	opened := try("ALTER TABLE agents DISABLE ROW LEVEL SECURITY")
	require.Equal(t, caught, opened.Status, opened.Missed)
	require.True(t, opened.Crossed)
}

func TestTheRunFailsWhereSomethingGoesUnnoticed(t *testing.T) {
	t.Parallel()
	good := verdict{ID: "a", Layer: layerDriver, Status: caught, By: []string{"test x TestX"}}
	for name, tt := range map[string]struct {
		verdicts []verdict
		want     error
		says     string
	}{
		"all caught":      {[]verdict{good}, nil, "# Sabotage report\n\nPROVEN: 1 protections"},
		"one unnoticed":   {[]verdict{good, {ID: "b", Layer: layerMixin, Status: unnoticed}}, errUnproven, "NOT PROVEN"},
		"one broken":      {[]verdict{good, {ID: "b", Layer: layerMixin, Status: broken}}, errUnproven, "NOT PROVEN"},
		"nothing to show": {nil, errUnproven, "NOT PROVEN"},
	} {
		folder := t.TempDir()
		r := newReport(tt.verdicts, time.Now())
		require.NoError(t, r.write(folder))
		text, err := os.ReadFile(filepath.Join(folder, "sabotage-report.md"))
		require.NoError(t, err)
		require.Contains(t, string(text), tt.says, name)
		require.ErrorIs(t, r.conclude(io.Discard), tt.want, name)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, command(t.Context(), []string{"-list", "-only", "redis-mark,no-such"}, &out))
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.ErrorIs(t, command(t.Context(), []string{"-only", "no-such"}, &out), errUnproven)
}
