package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Check compares a database with its catalogue and changes nothing. An error means that the database could not be asked,
// and says nothing about isolation; what the check found is in the report.
func Check(ctx context.Context, q Querier, cat Catalogue) (Report, error) {
	report, err := check(ctx, q, cat)
	if err == nil && report.Count(LevelError) > 0 {
		// PostgreSQL prints definitions as of now and not as of the statement. While a migration commits, the two differ.
		report, err = check(ctx, q, cat)
	}
	if err != nil {
		return Report{}, fmt.Errorf("doctor: %w", err)
	}
	return report, nil
}

func check(ctx context.Context, q Querier, cat Catalogue) (Report, error) {
	r, err := read(ctx, q, cat)
	if err != nil {
		return Report{}, err
	}
	return examine(r, cat), nil
}

func examine(r reading, cat Catalogue) Report {
	e := newExamination(r, cat)
	// Of an empty database only what `migrate up` does not change is worth saying.
	findings := e.findings(slices.Concat(snapshotLints(), serverLints(), roleLints()))
	if e.isMigrated() {
		findings = append(findings, e.findings(slices.Concat(surroundingLints(), protectionLints()))...)
		e.compare()
		for _, l := range Lints() {
			for _, d := range e.differences[l.Code] {
				findings = append(findings, l.finding(d.fault))
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(weight(a.Level), weight(b.Level)) })
	return Report{
		ServerVersion: r.server().Version,
		Database:      r.server().Database,
		Role:          r.server().Role,
		Tables:        e.classified(),
		Findings:      findings,
	}
}

// findings are what the lints find by themselves.
func (e *examination) findings(lints []Lint) []Finding {
	out := []Finding{}
	for _, l := range lints {
		faults := l.find(e)
		slices.SortFunc(faults, func(a, b fault) int { return cmp.Compare(a.object, b.object) })
		for _, f := range faults {
			out = append(out, l.finding(f))
		}
	}
	return out
}

func (l Lint) finding(f fault) Finding {
	return Finding{Code: l.Code, Level: l.Level, Object: f.object, Risk: l.Risk, Remedy: f.remedy}
}

func weight(l Level) int { return slices.Index([]Level{LevelError, LevelWarning, LevelInfo}, l) }
