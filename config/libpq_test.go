package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

// libpqVariables returns the variables in the source of pgx. Add a new one to one of the two lists.
func libpqVariables(t *testing.T) []string {
	t.Helper()
	folder, err := exec.CommandContext(t.Context(),
		"go", "list", "-m", "-f", "{{.Dir}}", "github.com/jackc/pgx/v5").Output()
	require.NoError(t, err)
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(folder)), "pgconn", "config.go"))
	require.NoError(t, err)
	var names []string
	for _, match := range regexp.MustCompile(`"(PG[A-Z]+)":`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, match[1])
	}
	require.Greater(t, len(names), 20)

	return names
}

func TestNoLibpqVariableChangesWhereAURLLeads(t *testing.T) { //nolint:paralleltest // it sets the environment
	kept := []string{
		"PGPASSWORD", "PGPASSFILE", "PGSSLMODE", "PGSSLKEY", "PGSSLCERT", "PGSSLCERTMODE", "PGSSLSNI", "PGSSLROOTCERT",
		"PGSSLPASSWORD", "PGSSLNEGOTIATION", "PGCHANNELBINDING", "PGREQUIREAUTH",
	}
	for _, name := range libpqVariables(t) {
		t.Setenv(name, "nonsense")
		config.IgnoreLibpq(false)
		_, set := os.LookupEnv(name)
		require.Equal(t, slices.Contains(kept, name), set, name)
		config.IgnoreLibpq(true)
		_, set = os.LookupEnv(name)
		require.False(t, set, name)
	}
}

func TestAnUnusableLibpqVariableIsBlamedByItsOwnName(t *testing.T) {
	for name, value := range map[string]string{
		"PGSSLROOTCERT": "/nonexistent", "PGSSLMODE": "perhaps",
		"PGCHANNELBINDING": "perhaps", "PGREQUIREAUTH": "perhaps", "PGSSLCERT": "/nonexistent",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if name != "PGSSLMODE" {
				t.Setenv("PGSSLMODE", "require")
			}
			_, err := config.LoadServe(config.Env{})
			require.Equal(t, name, variables(err))
			_, err = config.LoadMigrate(config.Env{})
			require.Equal(t, name, variables(err))
			require.NotContains(t, err.Error(), value)
		})
	}
	t.Setenv("PGSSLMODE", "verify-full")
	serve, err := config.LoadServe(config.Env{})
	require.NoError(t, err)
	parsed, err := pgx.ParseConfig(serve.Database.URL.Reveal())
	require.NoError(t, err)
	require.NotNil(t, parsed.TLSConfig, "TLS from the environment")
}
