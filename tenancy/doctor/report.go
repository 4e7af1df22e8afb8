package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnsafe is returned, wrapped, when a check found what lets rows cross.
var ErrUnsafe = errors.New("tenant isolation does not hold")

// ErrNotMigrated is returned, wrapped, when the database has no schema yet.
var ErrNotMigrated = errors.New("the database is not migrated: run konstruct migrate up")

// notMigratedError refuses tenants as unsafe does, but names the cause instead of the consequence.
type notMigratedError struct{}

func (notMigratedError) Error() string   { return ErrNotMigrated.Error() }
func (notMigratedError) Unwrap() []error { return []error{ErrNotMigrated, ErrUnsafe} }

// Level is how much a finding matters.
type Level string

// The levels.
const (
	// LevelError is what lets rows, or knowledge of them, cross from one tenant to another.
	LevelError Level = "error"
	// LevelWarning is a protection less, or what managed PostgreSQL lets nobody revoke.
	LevelWarning Level = "warning"
	// LevelInfo is worth knowing.
	LevelInfo Level = "info"
)

// ClassUnclassified is the class, in reports, of a table that has no tenant column and is not in the spec.
const ClassUnclassified Class = "unclassified"

// Finding is one fault of a database.
type Finding struct {
	// Code names the lint, and is stable: "rls.not-forced".
	Code  string `json:"code"`
	Level Level  `json:"level"`
	// Object is what the finding is about: "table public.agents".
	Object string `json:"object"`
	// Risk is what may come of it, in one sentence.
	Risk string `json:"risk"`
	// Remedy is the SQL that mends it, for the owner's role, or a superuser where only one can. Lines that begin with --
	// say what SQL can't do.
	Remedy string `json:"remedy"`
}

// Table is one table of a database, with what it is to tenants.
type Table struct {
	Name  string `json:"name"`
	Class Class  `json:"class"`
}

// Report is the result of one check. Its JSON form is stable: names may be added to it, never changed.
type Report struct {
	ServerVersion string `json:"server_version"`
	Database      string `json:"database"`
	// Role is the one that asked.
	Role string `json:"role"`
	// Tables are sorted by name; Findings by level, then in the order of the lints, then by object. Neither is nil.
	Tables   []Table   `json:"tables"`
	Findings []Finding `json:"findings"`
}

// notMigrated is the code of the finding that a database is empty.
const notMigrated = "database.not-migrated"

// NotMigrated tells whether the database has no schema yet: then nothing else was compared.
func (r Report) NotMigrated() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == notMigrated })
}

// Err is nil when no finding is an error. Otherwise it wraps [ErrUnsafe] and names each by its code and object; for an
// empty database it also wraps [ErrNotMigrated], and says only that.
func (r Report) Err() error {
	if r.NotMigrated() {
		return notMigratedError{}
	}
	var faults []string
	for _, f := range r.Findings {
		if f.Level == LevelError {
			faults = append(faults, f.Code+" ("+f.Object+")")
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnsafe, strings.Join(faults, ", "))
}

// Count is the number of findings of a level.
func (r Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// The exit codes of a command that prints a report. They keep clear of 1 and 2, which say that a command failed or was
// called wrongly: a check that could not be run must not be taken for one with warnings.
const (
	ExitClean    = 0
	ExitWarnings = 3
	ExitErrors   = 4
)

// ExitCode is [ExitErrors], [ExitWarnings] or, with nothing worse than information, [ExitClean].
func (r Report) ExitCode() int {
	switch {
	case r.Count(LevelError) > 0:
		return ExitErrors
	case r.Count(LevelWarning) > 0:
		return ExitWarnings
	default:
		return ExitClean
	}
}
