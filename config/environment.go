package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/joho/godotenv"
)

// ErrDotEnv reports a .env file that is there and cannot be read.
var ErrDotEnv = errors.New("the .env file cannot be read")

// Env is a set of environment variables, by name.
type Env map[string]string

// Environment merges the file at dotenv, when there is one, under environ (KEY=value lines, as [os.Environ] gives
// them): a variable of the process wins over the file's. The process's own environment is not changed, so nothing of
// the file reaches child processes or libraries by accident.
//
// A file that is there but cannot be used is [ErrDotEnv]; the error never quotes the file.
func Environment(environ []string, dotenv string) (Env, error) {
	env, err := readDotEnv(dotenv)
	if err != nil {
		return nil, err
	}

	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok {
			env[name] = value
		}
	}

	return env, nil
}

func readDotEnv(path string) (Env, error) {
	content, err := os.ReadFile(path) //nolint:gosec // The path is the operator's own choice.
	if errors.Is(err, fs.ErrNotExist) {
		return Env{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDotEnv, err)
	}

	values, err := godotenv.Parse(bytes.NewReader(content))
	if err != nil {
		// godotenv's error quotes the rest of the file, passwords included.
		return nil, fmt.Errorf("%w: %s has a line that is neither NAME=value nor a comment", ErrDotEnv, path)
	}

	return values, nil
}
