package config_test

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func readExample(t *testing.T) config.Env {
	t.Helper()

	env, err := config.Environment(nil, "../.env.example")
	require.NoError(t, err)

	return env
}

// tags maps the variables of a struct to their defaults, nested structs included.
func tags(t *testing.T, structure reflect.Type) map[string]string {
	t.Helper()

	found := map[string]string{}
	for field := range structure.Fields() {
		if variable, ok := field.Tag.Lookup("env"); ok {
			found[variable] = field.Tag.Get("envDefault")
		} else if field.Type.Kind() == reflect.Struct {
			maps.Copy(found, tags(t, field.Type))
		}
	}

	return found
}

func structures() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[config.Serve](), reflect.TypeFor[config.Migrate](), reflect.TypeFor[config.Doctor](),
		reflect.TypeFor[config.User](), reflect.TypeFor[config.Keys](), reflect.TypeFor[config.Dev](),
		reflect.TypeFor[config.Local](),
	}
}

func allVariables(t *testing.T) map[string]string {
	t.Helper()

	all := map[string]string{}
	for _, structure := range structures() {
		maps.Copy(all, tags(t, structure))
	}

	return all
}

func names[V any](set map[string]V) []string {
	list := make([]string, 0, len(set))
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)

	return list
}

func TestExampleAndStructsListTheSameVariables(t *testing.T) {
	t.Parallel()

	require.Equal(t, names(allVariables(t)), names(readExample(t)))
}

func TestExampleShowsTheDefaults(t *testing.T) {
	t.Parallel()

	example := readExample(t)
	for variable, value := range allVariables(t) {
		if value != "" {
			require.Equal(t, value, example[variable], variable)
		}
	}
}

func TestExampleDocumentsEachVariable(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile("../.env.example")
	require.NoError(t, err)

	documented := false
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
			documented = true
		case line == "":
			documented = false
		default:
			require.True(t, documented, "%s has no comment above it", line)
		}
	}
}

func TestExampleLoadsCleanForEveryCommand(t *testing.T) {
	t.Parallel()

	for _, err := range loadAll(readExample(t)) {
		require.NoError(t, err)
	}
}

func TestExampleNeverLogsInAsASuperuser(t *testing.T) {
	t.Parallel()

	serve, err := config.LoadServe(readExample(t))
	require.NoError(t, err)
	require.Equal(t, "konstruct_app", serve.Database.URL.User())
}

// With duplicate names, a fault could have the wrong variable.
func TestFieldNamesAreUniqueWithinACommand(t *testing.T) {
	t.Parallel()

	for _, structure := range structures() {
		fields := taggedFields(structure)
		slices.Sort(fields)
		require.Equal(t, slices.Compact(slices.Clone(fields)), fields, structure.Name())
	}
}

func taggedFields(structure reflect.Type) []string {
	var fields []string
	for field := range structure.Fields() {
		if _, ok := field.Tag.Lookup("env"); ok {
			fields = append(fields, field.Name)
		} else if field.Type.Kind() == reflect.Struct {
			fields = append(fields, taggedFields(field.Type)...)
		}
	}

	return fields
}

func TestComposeDefaultsAreTheExamples(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile("../docker-compose.yml")
	require.NoError(t, err)

	example := readExample(t)
	used := regexp.MustCompile(`\$\{([A-Z_]+)(?::-([^}]*))?\}`).FindAllStringSubmatch(string(content), -1)
	require.NotEmpty(t, used)
	for _, match := range used {
		require.Contains(t, example, match[1])
		if match[0] != "${"+match[1]+":-}" { // optional: unset where the user has not set it
			require.Equal(t, example[match[1]], match[2], match[1])
		}
	}
}
