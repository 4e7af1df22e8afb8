package doctor

import "slices"

// Lint is one thing that a check looks for.
type Lint struct {
	// Code names it, and is stable.
	Code  string
	Level Level
	// Risk is what may come of it, in one sentence.
	Risk string

	// find is nil where only the comparison with the snapshot finds it.
	find func(*examination) []fault
}

// fault is one object that a lint found, with what fixes it.
type fault struct {
	object string
	remedy string
}

// Lints are all lints, in the order in which reports have them.
func Lints() []Lint {
	return slices.Concat(snapshotLints(), serverLints(), roleLints(), surroundingLints(), protectionLints(), differenceLints())
}

// surroundingLints are about what surrounds the objects of a snapshot.
func surroundingLints() []Lint { return slices.Concat(sessionLints(), outsideLints(), platformLints()) }

// protectionLints hold for every tenant-scoped table, whatever a snapshot says.
func protectionLints() []Lint { return slices.Concat(tableLints(), policyLints(), keyLints()) }
