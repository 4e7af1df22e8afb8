package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/joho/godotenv"
)

// Errors of a line. They never quote it, because the file contains passwords.
var (
	errEncoding   = errors.New("is not UTF-8; save the file as UTF-8 (PowerShell's > writes UTF-16)")
	errAssignment = errors.New("is neither NAME=value nor a comment")
	errOpenQuote  = errors.New("has a quoted value without a closing quote, or with text after it")
	errInQuotes   = errors.New("has a backslash or CR LF in quotes that Docker Compose reads differently; use other " +
		"quotes, or none")
	errUnquoted  = errors.New("has an unusual space, or a # that Docker Compose reads differently; use single quotes")
	errReference = errors.New("has a $ that does not refer to an upper-case variable set above; use single quotes")
	errProcess   = errors.New("refers to a variable that the environment sets to another value; write out the value")

	blankLine  = regexp.MustCompile(`^[ \t]*(?:#[^\n]*)?\r?(?:\n|$)`)
	assignment = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*`)
	quoted     = regexp.MustCompile(`(?s)^(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`)
	// Compose and godotenv differ in these escapes, and in CR LF between the quotes.
	oddQuoted = regexp.MustCompile(`(?s)\r|^(?:'.*\\'|".*(?:\\[^n"]|\\""$))`)
	// Compose and godotenv must see the same name: godotenv stops at a lower-case letter and drops a } that follows.
	reference = regexp.MustCompile(`^(?:\{([A-Z_][A-Z0-9_]*)\}|` +
		`([A-Z_][A-Z0-9_]*)(?:[^0-9A-Za-z_}\x{80}-\x{10FFFF}]|$))`)
)

// parseDotEnv reads a .env file with godotenv and rejects statements that Docker Compose would read differently, so
// that server and containers get the same values.
func parseDotEnv(content []byte, process Env) (Env, error) {
	for i, text := range strings.Split(string(content), "\n") {
		if strings.Contains(text, "\x00") || !utf8.ValidString(text) {
			return nil, fmt.Errorf("line %d: %w", i+1, errEncoding)
		}
	}
	above, rest := "", strings.TrimPrefix(string(content), "\uFEFF")
	for line := 1; rest != ""; {
		statement, after, err := cutStatement(rest)
		if err == nil {
			err = checkReferences(statement, above, process)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		above += statement
		line, rest = line+strings.Count(strings.TrimSuffix(rest, after), "\n"), after
	}

	values, err := godotenv.Unmarshal(above)
	if err != nil {
		return nil, errAssignment // unreachable; the error of godotenv would quote the file
	}

	return values, nil
}

// cutStatement returns the first statement of text, without comment and export, or "" for a blank line.
func cutStatement(text string) (statement, rest string, err error) {
	if blank := blankLine.FindString(text); blank != "" {
		return "", text[len(blank):], nil
	}
	match := assignment.FindStringSubmatch(text)
	if len(match) == 0 || match[1] == "export" {
		return "", "", errAssignment
	}
	cut := cutUnquoted
	text = text[len(match[0]):]
	if strings.HasPrefix(text, `"`) || strings.HasPrefix(text, `'`) {
		cut = cutQuoted
	}
	value, rest, err := cut(text)

	return match[1] + "=" + value + "\n", rest, err
}

func cutQuoted(text string) (value, rest string, err error) {
	value = quoted.FindString(text)
	rest = text[len(value):]
	end := blankLine.FindString(rest)
	if value == "" || end == "" && rest != "" {
		return "", "", errOpenQuote
	}
	if oddQuoted.MatchString(value) {
		return "", "", errInQuotes
	}

	return value, rest[len(end):], nil
}

func cutUnquoted(text string) (value, rest string, err error) {
	line, rest, _ := strings.Cut(text, "\n")
	value, _, _ = strings.Cut(strings.TrimSuffix(line, "\r"), " #")
	value = strings.TrimRight(value, " \t")
	odd := func(r rune) bool { return unicode.IsSpace(r) && r != ' ' && r != '\t' }
	if strings.ContainsFunc(value, odd) || strings.HasPrefix(value, "#") || strings.Contains(value, "\t#") {
		return "", "", errUnquoted
	}

	return value, rest, nil
}

// checkReferences accepts references to variables set above, without another value in the process environment.
func checkReferences(statement, above string, process Env) error {
	_, value, _ := strings.Cut(statement, "=")
	if strings.HasPrefix(value, "'") {
		return nil
	}
	for before, after, found := strings.Cut(value, "$"); found; before, after, found = strings.Cut(after, "$") {
		match := reference.FindStringSubmatch(after)
		if match == nil || strings.HasSuffix(before, `\`) {
			return errReference
		}
		name := match[1] + match[2]
		values, err := godotenv.Unmarshal(above)
		set, defined := values[name]
		if err != nil || !defined {
			return errReference
		}
		if own, ok := process[name]; ok && own != set {
			return errProcess
		}
	}

	return nil
}
