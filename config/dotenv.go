package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// parseDotEnv reads a .env file as Docker Compose does. Its errors name the line and quote nothing: Compose's quote the
// rest of the file, passwords included.
func parseDotEnv(content []byte, process Env) (Env, error) {
	if line, found := notText(content); found {
		return nil, fmt.Errorf("line %d: is not UTF-8 text (PowerShell's > writes UTF-16): save the file as UTF-8", line)
	}
	lookup := func(name string) (string, bool) {
		value, ok := process[name]

		return value, ok
	}
	values, err := dotenv.ParseWithLookup(bytes.NewReader(content), lookup)
	if err != nil {
		return nil, fmt.Errorf("line %d: %s", lineOf(content, lookup), explain(err))
	}

	return values, nil
}

// notText finds the first line with a NUL byte or with bytes that are not UTF-8: what UTF-16 and Latin-1 look like.
func notText(content []byte) (line int, found bool) {
	for i, text := range bytes.Split(content, []byte("\n")) {
		if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
			return i + 1, true
		}
	}

	return 0, false
}

// lineOf finds the faulty line, at first as if every variable were set: the parser warns of one that is not, each time.
func lineOf(content []byte, lookup dotenv.LookupFn) int {
	quiet := func(name string) (string, bool) {
		value, _ := lookup(name)

		return value, true
	}
	if _, err := dotenv.ParseWithLookup(bytes.NewReader(content), quiet); err != nil {
		lookup = quiet
	}

	return faultyLine(content, lookup)
}

// faultyLine is where the statement begins that cannot be read. The parser's own count is missing from some of its
// errors and past the end in others, so the line is the one after the longest prefix that is a whole file by itself.
func faultyLine(content []byte, lookup dotenv.LookupFn) int {
	lines := slices.Collect(bytes.Lines(content))
	for n := len(lines) - 1; n > 0; n-- {
		if _, err := dotenv.ParseWithLookup(bytes.NewReader(bytes.Join(lines[:n], nil)), lookup); err == nil {
			return n + 1 + leadingBlanks(lines[n:])
		}
	}

	return 1 + leadingBlanks(lines)
}

// leadingBlanks counts the lines before the first statement: a comment above a faulty line is not at fault.
func leadingBlanks(lines [][]byte) int {
	return max(0, slices.IndexFunc(lines, func(line []byte) bool {
		text := bytes.TrimSpace(line)

		return len(text) > 0 && text[0] != '#'
	}))
}

func explain(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "unterminated quoted value"):
		return "a quoted value has no closing quote"
	case strings.Contains(text, "nvalid template"), strings.Contains(text, "nvalid interpolation"):
		return "${ begins no ${NAME}: write $$ for the sign itself, or put the value in single quotes"
	case strings.Contains(text, "required variable"):
		return "refers to a required variable that is not set"
	default:
		return "is neither NAME=value nor a comment"
	}
}
