package rediskey_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

const (
	tenantA = "0198f3a0-0000-7000-8000-00000000000a"
	tenantB = "0198f3a0-0000-7000-8000-00000000000b"
)

// builders returns every function that builds keys, which TestEveryFunctionIsListed compares with the source.
func builders() map[string]builder {
	return map[string]builder{
		"RateLimit": {"ratelimit", rediskey.RateLimit},
		"Dedup":     {"dedup", rediskey.Dedup},
		"Session":   {"session", rediskey.Session},
		"Engaged":   {"engaged", rediskey.Engaged},
	}
}

type builder struct {
	kind  string
	build func(tenancy.ID, string) (rediskey.Key, error)
}

func parse(t testing.TB, s string) tenancy.ID {
	t.Helper()
	id, err := tenancy.Parse(s)
	require.NoError(t, err)
	return id
}

func TestKeys(t *testing.T) {
	t.Parallel()
	a := parse(t, tenantA)
	for _, row := range []struct {
		build func(tenancy.ID, string) (rediskey.Key, error)
		part  string
		want  string
	}{
		{rediskey.RateLimit, "slack", tenantA + ":ratelimit:slack"},
		{rediskey.Dedup, "slack.T0.C0.1768471200.000007", tenantA + ":dedup:slack.T0.C0.1768471200.000007"},
		{rediskey.Session, "slack.T0.C0.1768471200.000007", tenantA + ":session:slack.T0.C0.1768471200.000007"},
		{rediskey.Engaged, "1768471200.000007", tenantA + ":engaged:1768471200.000007"},

		{rediskey.Dedup, strings.Repeat("x", 128), tenantA + ":dedup:" + strings.Repeat("x", 128)},
		{
			rediskey.Dedup, strings.Repeat("x", 129),
			tenantA + ":dedup:~0ec9eb33e74510bcdd1f2ea55206e82f21649c5c2becbf2b433eb475b34c01bd",
		},
		{rediskey.Dedup, "a:b", tenantA + ":dedup:~6783a31eabf68ccc0660f935c0826282bdd2241f3a80a9f2d10d59aea9ebb5d8"},
		{rediskey.RateLimit, "*", tenantA + ":ratelimit:~684888c0ebb17f374298b65ee2807526c066094c701bcc7ebbe1c1095f494fc1"},
	} {
		t.Run(row.want, func(t *testing.T) {
			t.Parallel()
			key, err := row.build(a, row.part)
			require.NoError(t, err)
			require.Equal(t, row.want, key.String())
			require.False(t, key.IsZero())
		})
	}
}

func TestKeysRequireATenant(t *testing.T) {
	t.Parallel()
	a, b := parse(t, tenantA), parse(t, tenantB)
	for name, builder := range builders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := builder.build(tenancy.ID{}, "part")
			require.ErrorIs(t, err, tenancy.ErrInvalidID)
			require.True(t, key.IsZero())
			require.Empty(t, key.String())

			key, err = builder.build(a, "")
			require.ErrorIs(t, err, rediskey.ErrEmptyPart)
			require.True(t, key.IsZero())

			ofA, err := builder.build(a, "part")
			require.NoError(t, err)
			require.Equal(t, tenantA+":"+builder.kind+":part", ofA.String())
			ofB, err := builder.build(b, "part")
			require.NoError(t, err)
			require.NotEqual(t, ofA, ofB)
		})
	}
}

func TestKindsDiffer(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, builder := range builders() {
		kinds[builder.kind] = true
	}
	require.Len(t, kinds, len(builders()))
}

// Every exported function of the source is in builders and takes the tenant first.
func TestEveryFunctionIsListed(t *testing.T) {
	t.Parallel()
	found := []string{}
	for _, function := range exportedFunctions(t) {
		name := function.Name.Name
		found = append(found, name)
		first, ok := function.Type.Params.List[0].Type.(*ast.SelectorExpr)
		require.True(t, ok && first.Sel.Name == "ID", "%s doesn't take a tenancy.ID first", name)
		require.Equal(t, "tenancy", first.X.(*ast.Ident).Name, name)
	}
	slices.Sort(found)
	require.NotEmpty(t, found)
	require.Equal(t, slices.Sorted(maps.Keys(builders())), found)
}

func exportedFunctions(t *testing.T) []*ast.FuncDecl {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var functions []*ast.FuncDecl
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Name.IsExported() && f.Recv == nil {
				functions = append(functions, f)
			}
		}
	}
	return functions
}

// An exported field would allow a key without a tenant.
func TestKeyHasNoExportedFields(t *testing.T) {
	t.Parallel()
	key := reflect.TypeFor[rediskey.Key]()
	require.Equal(t, reflect.Struct, key.Kind())
	for field := range key.Fields() {
		require.False(t, field.IsExported(), field.Name)
	}
	for method := range reflect.PointerTo(key).Methods() {
		require.Contains(t, []string{"String", "IsZero"}, method.Name)
	}
	require.Empty(t, rediskey.Key{}.String())
}

var form = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[a-z]+:([A-Za-z0-9._-]{1,128}|~[0-9a-f]{64})$`)

func FuzzKeys(f *testing.F) {
	for _, part := range []string{
		"slack", "a:b", "*", "?", "[a-z]", "{tag}", "a\nb", "a\r\nSET x 1", "a\x00b", "\xff", "ü", "日本", "a b", "~", "..",
		tenantB + ":dedup:x", ":", strings.Repeat("x", 128), strings.Repeat("x", 129),
		"~6783a31eabf68ccc0660f935c0826282bdd2241f3a80a9f2d10d59aea9ebb5d8",
		"6783a31eabf68ccc0660f935c0826282bdd2241f3a80a9f2d10d59aea9ebb5d8", // the hash of "a:b"
	} {
		f.Add(part, part)
		f.Add(part, "a:b")
	}
	a, b := parse(f, tenantA), parse(f, tenantB)
	f.Fuzz(func(t *testing.T, one, other string) {
		if one == "" || other == "" {
			return
		}
		seen := map[string]string{}
		for name, builder := range builders() {
			for _, tenant := range []tenancy.ID{a, b} {
				for _, part := range []string{one, other} {
					key, err := builder.build(tenant, part)
					require.NoError(t, err)
					require.Regexp(t, form, key.String())
					require.True(t, strings.HasPrefix(key.String(), tenant.String()+":"+builder.kind+":"))

					input := name + "\x00" + tenant.String() + "\x00" + part
					if before, taken := seen[key.String()]; taken {
						require.Equal(t, before, input, "two inputs with one key")
					}
					seen[key.String()] = input
				}
			}
		}
	})
}
