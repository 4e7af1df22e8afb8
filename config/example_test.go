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

// taggedFields returns the fields with a variable, those of nested structs included.
func taggedFields(structure reflect.Type) (tagged []reflect.StructField) {
	for field := range structure.Fields() {
		if _, ok := field.Tag.Lookup("env"); ok {
			tagged = append(tagged, field)
		} else if field.Type.Kind() == reflect.Struct {
			tagged = append(tagged, taggedFields(field.Type)...)
		}
	}

	return tagged
}

// defaults maps the variables of all commands to their defaults.
func defaults() map[string]string {
	all := map[string]string{}
	for _, load := range commands() {
		loaded, _ := load(config.Env{})
		for _, field := range taggedFields(reflect.TypeOf(loaded)) {
			all[field.Tag.Get("env")] = field.Tag.Get("envDefault")
		}
	}

	return all
}

func TestExampleListsTheVariablesAndTheirDefaults(t *testing.T) {
	t.Parallel()

	example, defaults := readExample(t), defaults()
	require.ElementsMatch(t, slices.Collect(maps.Keys(defaults)), slices.Collect(maps.Keys(example)))
	maps.DeleteFunc(defaults, func(_, value string) bool { return value == "" })
	require.Subset(t, example, defaults)
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

	for name, load := range commands() {
		_, err := load(readExample(t))
		require.NoError(t, err, name)
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

	for name, load := range commands() {
		loaded, _ := load(config.Env{})
		fields := map[string]bool{}
		for _, field := range taggedFields(reflect.TypeOf(loaded)) {
			require.False(t, fields[field.Name], "%s: %s", name, field.Name)
			fields[field.Name] = true
		}
		require.NotEmpty(t, fields)
	}
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
