package doctor

import (
	_ "embed" // the table
	"strings"
)

// Lint is a kind of finding.
type Lint struct {
	// Code is stable.
	Code  string
	Level Level
	// Risk is what can happen because of it.
	Risk string
}

// Each line has a code, a level and a risk.
//
//go:embed lints.txt
var lintTable string

// Lints returns all lints in the order of reports.
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
