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

// Environment merges environ (KEY=value, as in [os.Environ]) over the optional file at path dotenv. It does not change
// the environment of the process, so the file does not affect libraries and child processes.
//
// The values equal those that Docker Compose reads; lines that it reads differently are rejected. ${NAME} may refer to
// a variable set above in the file, unless the process sets it to another value. ${NAME:-default} and $$ are rejected.
// The error is [ErrDotEnv]; it includes the line number and never quotes the file.
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
