package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

func root(t *testing.T) string {
	t.Helper()
	root, err := moduleRoot(t.Context())
	require.NoError(t, err)
	return root
}

const minSaboteurs = 30

func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	all := saboteurs()
	require.GreaterOrEqual(t, len(all), minSaboteurs)
	seen := map[string]bool{}
	for _, s := range all {
		require.NoError(t, s.fault())
		require.False(t, seen[s.id], "%s is there twice", s.id)
		require.Contains(t, layers(), s.layer, s.id)
		seen[s.id] = true
	}
	for _, l := range layers() {
		require.True(t, slices.ContainsFunc(all, func(s saboteur) bool { return s.layer == l }), "no saboteur for: %s", l)
	}
}

func TestEveryChangeFitsTheSource(t *testing.T) {
	t.Parallel()
	s := suite{root: root(t)}
	for _, sab := range saboteurs() {
		if sab.plant != "" {
			continue
		}
		t.Run(sab.id, func(t *testing.T) {
			t.Parallel()
			changed, err := apply(s.root, slices.Concat(sab.given, sab.edits)...)
			require.NoError(t, err)
			for path, text := range changed {
				if filepath.Ext(path) != ".go" {
					continue
				}
				_, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
				require.NoError(t, err)
			}
		})
	}
}

func TestEveryNamedTestExists(t *testing.T) {
	t.Parallel()
	known := map[string]map[string]bool{}
	for _, sab := range saboteurs() {
		for _, named := range sab.tests() {
			if known[named.pkg()] == nil {
				known[named.pkg()] = tests(t, filepath.Join(root(t), named.pkg()))
			}
			function, _, _ := strings.Cut(named.test(), "/")
			require.True(t, known[named.pkg()][function], "%s: no test %s in %s", sab.id, function, named.pkg())
		}
	}
}

func TestEveryNamedFindingAndAttackExists(t *testing.T) {
	t.Parallel()
	codes, attacks := map[string]bool{}, map[string]bool{anyAttack: true, registration: true}
	for _, lint := range doctor.Lints() {
		codes[lint.Code] = true
	}
	for _, a := range isolation.Attacks() {
		attacks[a.ID] = true
	}
	for _, sab := range saboteurs() {
		for _, code := range sab.doctor {
			require.True(t, codes[code], "%s: the doctor has no %s", sab.id, code)
		}
		for _, id := range sab.attacks {
			require.True(t, attacks[id], "%s: the kit has no %s", sab.id, id)
		}
	}
}

func tests(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	found := map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declared := range parsed.Decls {
			if f, ok := declared.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
	}
	return found
}

func TestThePageIsCurrent(t *testing.T) {
	t.Parallel()
	committed, err := os.ReadFile(filepath.Join(root(t), "docs", "security", "sabotage.md"))
	require.NoError(t, err)
	require.Equal(t, page(saboteurs()), string(committed),
		"go run ./integration/sabotage -docs >docs/security/sabotage.md")
}
