package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()

	file := dotEnv(t, "FROM_FILE=file\nIN_BOTH=file\n# comment\nQUOTED='a $b'\n")
	env, err := config.Environment([]string{"IN_BOTH=process", "WITH_EQUALS=a=b", "malformed"}, file)
	require.NoError(t, err)
	require.Equal(t, config.Env{
		"FROM_FILE": "file", "IN_BOTH": "process", "WITH_EQUALS": "a=b", "QUOTED": "a $b",
	}, env)
	require.Empty(t, os.Getenv("FROM_FILE"), "the environment of the process must not change")
}

func TestEnvironmentWithoutAFile(t *testing.T) {
	t.Parallel()

	env, err := config.Environment([]string{"A=1"}, filepath.Join(t.TempDir(), ".env"))
	require.NoError(t, err)
	require.Equal(t, config.Env{"A": "1"}, env)
}

func TestEnvironmentRefusesABrokenFileWithoutQuotingIt(t *testing.T) {
	t.Parallel()

	file := dotEnv(t, "GOOD=1\nbad name=canary\n")
	_, err := config.Environment(nil, file)
	require.ErrorIs(t, err, config.ErrDotEnv)
	require.NotContains(t, err.Error(), "canary")
	require.Contains(t, err.Error(), file)

	_, err = config.Environment(nil, t.TempDir())
	require.ErrorIs(t, err, config.ErrDotEnv, "a folder")
}
