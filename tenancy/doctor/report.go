package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnsafe is returned, wrapped, when a check has a finding of [LevelError].
var ErrUnsafe = errors.New("tenant isolation does not hold")

// ErrNotMigrated is returned when the database has no schema yet. It wraps [ErrUnsafe].
var ErrNotMigrated error = notMigratedError{}

type notMigratedError struct{}

func (notMigratedError) Error() string {
	return "the database is not migrated: run konstruct migrate up"
}
func (notMigratedError) Unwrap() error { return ErrUnsafe }

// Level is the severity of a finding.
type Level string

// The levels.
const (
	// LevelError means that a tenant may read, write or learn of another's rows.
	LevelError Level = "error"
	// LevelWarning means that a protection is missing, or that managed PostgreSQL allows no one to revoke a privilege.
	LevelWarning Level = "warning"
	// LevelInfo needs no action.
	LevelInfo Level = "info"
)

func levels() []Level { return []Level{LevelError, LevelWarning, LevelInfo} }

// ClassUnclassified is the reported class of a table without a tenant column that is not in the spec.
const ClassUnclassified Class = "unclassified"

// Finding is a fault of a database.
type Finding struct {
	// Code is the lint's, such as "rls.not-forced", and stable.
	Code  string `json:"code"`
	Level Level  `json:"level"`
	// Object is what the finding is about, such as "table public.agents".
	Object string `json:"object"`
	// Risk is what can happen because of it.
	Risk string `json:"risk"`
	// Remedy is the SQL that fixes it, for the owner role or a superuser. Lines that begin with -- say what SQL can't
	// do.
	Remedy string `json:"remedy"`
}

// Table is a table and its class.
type Table struct {
	Name  string `json:"name"`
	Class Class  `json:"class"`
}

// Report is the result of a check. Its JSON form is stable: names may be added, never changed.
type Report struct {
	ServerVersion string `json:"server_version"`
	Database      string `json:"database"`
	// Role ran the check.
	Role string `json:"role"`
	// Tables are sorted by name; Findings by level, then in the order of the lints, then by object. Neither is nil.
	Tables   []Table   `json:"tables"`
	Findings []Finding `json:"findings"`
}

const notMigrated = "database.not-migrated"

// NotMigrated reports whether the database has no schema yet, in which case nothing else was compared.
func (r Report) NotMigrated() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == notMigrated })
}

// Err returns nil if no finding is an error. Otherwise it wraps [ErrUnsafe] and lists codes and objects. For an empty
// database it also wraps [ErrNotMigrated].
func (r Report) Err() error {
	if r.NotMigrated() {
		return ErrNotMigrated
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

// Count returns the number of findings of a level.
func (r Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// The exit codes of a command that prints a report. 1 and 2 are for a command that failed or was misused.
const (
	ExitClean    = 0
	ExitWarnings = 3
	ExitErrors   = 4
)

// ExitCode returns [ExitErrors], [ExitWarnings] or [ExitClean].
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
