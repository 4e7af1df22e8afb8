package config

import (
	"cmp"
	"slices"
	"strings"
)

// A Fault is a problem with one variable. Problem never contains the value.
type Fault struct {
	Variable string
	Problem  string
}

// Faults is the error of every Load function: all faults, ordered by variable.
type Faults []Fault //nolint:errname,recvcheck // Faults is the plural of Fault, and is returned by value

// Error lists the faults, one per line.
func (f Faults) Error() string {
	lines := []string{"invalid configuration:"}
	for _, fault := range f {
		lines = append(lines, "  "+fault.Variable+": "+fault.Problem)
	}

	return strings.Join(lines, "\n")
}

func (f *Faults) add(variable, problem string) {
	*f = append(*f, Fault{Variable: variable, Problem: problem})
}

func (f *Faults) require(variable string, ok bool, problem string) {
	if !ok {
		f.add(variable, problem)
	}
}

// has reports whether the variable already has a fault.
func (f Faults) has(variable string) bool {
	return slices.ContainsFunc(f, func(fault Fault) bool { return fault.Variable == variable })
}

// err returns the sorted faults, or nil if there are none.
func (f *Faults) err() error {
	if len(*f) == 0 {
		return nil
	}
	slices.SortStableFunc(*f, func(a, b Fault) int { return cmp.Compare(a.Variable, b.Variable) })

	return *f
}

// A problem is an UnmarshalText error that does not quote the value.
type problem string

func (p problem) Error() string { return string(p) }
