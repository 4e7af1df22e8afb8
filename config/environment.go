package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
)

// ErrDotEnv reports a .env file that is there and cannot be read.
var ErrDotEnv = errors.New("the .env file cannot be read")

// Env is a set of environment variables, by name.
type Env map[string]string

// Environment merges the file at dotenv, when there is one, under environ (KEY=value lines, as [os.Environ] gives
// them): a variable of the process wins over the file's. The process's own environment is not changed, so nothing of
// the file reaches child processes or libraries by accident.
//
// The file is read with the values that Docker Compose reads from it, or refused where a line is read differently:
// ${NAME} works for a variable that the file sets above, unless the process sets it to another value; ${NAME:-default}
// and $$ are refused. A file that is there but cannot be used is [ErrDotEnv]; the error names the line and never quotes
// the file.
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
	content, err := os.ReadFile(path) //nolint:gosec // The path is the operator's own choice.
	if errors.Is(err, fs.ErrNotExist) {
		return Env{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDotEnv, err)
	}
	values, err := parseDotEnv(content, process)
	if err != nil {
		return nil, fmt.Errorf("%w: %s, %w", ErrDotEnv, path, err)
	}

	return values, nil
}
