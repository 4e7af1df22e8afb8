package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Check compares a database with its spec and changes nothing. The error is set if the database could not be queried.
// Findings are in the report.
func Check(ctx context.Context, q Querier, spec Spec) (Report, error) {
	report, err := check(ctx, q, spec)
	if err == nil && report.Count(LevelError) > 0 {
		// PostgreSQL prints definitions as of now, not as of the statement's snapshot. The two differ while a migration
		// commits.
		report, err = check(ctx, q, spec)
	}
	if err != nil {
		return Report{}, fmt.Errorf("doctor: %w", err)
	}
	return report, nil
}

func check(ctx context.Context, q Querier, spec Spec) (Report, error) {
	r, err := read(ctx, q, spec)
	if err != nil {
		return Report{}, err
	}
	return examine(r, spec), nil
}

func examine(r reading, spec Spec) Report {
	e := newExamination(r, spec)
	e.checkSnapshot()
	e.checkServer()
	e.checkRoles()
	if e.isMigrated() { // for an empty database, report only what `migrate up` does not change
		e.checkConnections()
		e.checkPlatform()
		e.checkTables()
		e.checkKeys()
		e.checkGrants()
		e.compare()
	}
	findings := e.findings()
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(levels(), a.Level), slices.Index(levels(), b.Level))
	})
	return Report{
		ServerVersion: r.Server.Version,
		Database:      r.Server.Database,
		Role:          r.Server.Role,
		Tables:        e.classified(),
		Findings:      findings,
	}
}

func (e *examination) findings() []Finding {
	out := []Finding{}
	for _, l := range Lints() {
		faults := e.faults[l.Code]
		slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(a.object, b.object) })
		for _, f := range faults {
			out = append(out, Finding{Code: l.Code, Level: l.Level, Object: f.object, Risk: l.Risk, Remedy: f.remedy})
		}
	}
	return out
}

const migrateUp = "-- run konstruct migrate up"

// checkSnapshot reports whether the database can be compared, and with which snapshot.
func (e *examination) checkSnapshot() {
	database := "database " + e.Server.Database
	switch {
	case !e.isMigrated():
		e.report(notMigrated, database, migrateUp)
	case e.want == nil:
		e.report("snapshot.missing", database, migrateUp)
	case !e.isCurrent():
		e.report("snapshot.other-version", database, "-- nothing to do while a release is rolled out")
	}
}
