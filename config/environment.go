package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
)

// ErrDotEnv is returned when the .env file exists but cannot be read.
var ErrDotEnv = errors.New("config: read .env")

// Env is a set of environment variables, by name.
type Env map[string]string

// Environment merges environ (see [os.Environ]) over the optional file dotenv. The environment of the process does not
// change, so the file does not affect libraries and child processes.
//
// Lines that Docker Compose would read differently are rejected, as are ${NAME:-default} and $$. ${NAME} may refer to a
// variable set above in the file, unless the process sets another value. The error is [ErrDotEnv], with the line number
// and without quoting the file.
func Environment(environ []string, dotenv string) (Env, error) {
	process := Env{}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok {
			process[name] = value
		}
	}
	env, err := readDotEnv(dotenv, process)
	if err != nil {
		return nil, err
	}
	maps.Copy(env, process)

	return env, nil
}

func readDotEnv(path string, process Env) (Env, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the path is chosen by the operator
	if errors.Is(err, fs.ErrNotExist) {
		return Env{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDotEnv, err)
	}
	values, err := parseDotEnv(content, process)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDotEnv, path, err)
	}

	return values, nil
}
