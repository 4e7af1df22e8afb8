package doctor

import (
	_ "embed" // the table
	"strings"
)

// Lint is one thing that a check looks for.
type Lint struct {
	// Code names it, and is stable.
	Code  string
	Level Level
	// Risk is what can happen because of it, in one sentence.
	Risk string
}

// A line of the table is a code, its level and its risk.
//
//go:embed lints.txt
var lintTable string

// Lints are all lints, in the order in which reports have them.
func Lints() []Lint {
	var out []Lint
	for line := range strings.Lines(lintTable) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if parts := strings.SplitN(strings.TrimSpace(line), " ", 3); len(parts) == 3 {
			out = append(out, Lint{Code: parts[0], Level: Level(parts[1]), Risk: parts[2]})
		}
	}
	return out
}
