package config

import (
	"cmp"
	"slices"
	"strings"
)

// A Fault is one thing wrong with one variable. Problem never contains the variable's value.
type Fault struct {
	Variable string
	Problem  string
}

func (f Fault) String() string {
	return f.Variable + ": " + f.Problem
}

// Faults is the error of every Load function: all that is wrong, ordered by variable.
type Faults []Fault //nolint:errname,recvcheck // A list of faults reads as what it is; it is handed out by value.

// Error lists the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, 0, len(f)+1)
	lines = append(lines, "the configuration cannot be used:")
	for _, fault := range f {
		lines = append(lines, "  "+fault.String())
	}

	return strings.Join(lines, "\n")
}

// Variables names the faulty variables, in order, each once.
func (f Faults) Variables() []string {
	names := make([]string, 0, len(f))
	for _, fault := range f {
		names = append(names, fault.Variable)
	}

	return slices.Compact(names)
}

func (f *Faults) add(variable, problem string) {
	*f = append(*f, Fault{Variable: variable, Problem: problem})
}

func (f *Faults) require(variable string, ok bool, problem string) {
	if !ok {
		f.add(variable, problem)
	}
}

// has tells whether the variable is already known to be wrong, so that one mistake is not reported twice.
func (f Faults) has(variable string) bool {
	return slices.ContainsFunc(f, func(fault Fault) bool { return fault.Variable == variable })
}

// err answers nil where there is no fault, and the sorted faults otherwise.
func (f *Faults) err() error {
	if len(*f) == 0 {
		return nil
	}
	slices.SortStableFunc(*f, func(a, b Fault) int { return cmp.Compare(a.Variable, b.Variable) })

	return *f
}

// A problem is an UnmarshalText error that is fit to be shown: it says what is expected and quotes nothing.
type problem string

func (p problem) Error() string { return string(p) }
