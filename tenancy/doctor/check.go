package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Querier is what a check asks. *pgxpool.Pool, *pgx.Conn and pgx.Tx are Queriers.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Check compares a database with its catalogue, in one statement that changes nothing. An error means that the database
// could not be asked, and says nothing about isolation; what the check found is in the report.
func Check(ctx context.Context, q Querier, cat Catalogue) (Report, error) {
	s, err := take(ctx, q, cat)
	if err != nil {
		return Report{}, fmt.Errorf("doctor: %w", err)
	}
	return examine(s, cat), nil
}

func examine(s snapshot, cat Catalogue) Report {
	e := newExamination(s, cat)
	r := Report{
		ServerVersion: s.server().Version,
		Database:      s.server().Database,
		Role:          s.server().Role,
		Tables:        e.classified(),
		Findings:      []Finding{},
	}
	for _, l := range Lints() {
		faults := l.find(e)
		slices.SortFunc(faults, func(a, b fault) int { return cmp.Compare(a.object, b.object) })
		for _, f := range faults {
			r.Findings = append(r.Findings, Finding{Code: l.Code, Level: l.Level, Object: f.object, Risk: l.Risk, Remedy: f.remedy})
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(weight(a.Level), weight(b.Level)) })
	return r
}

func weight(l Level) int { return slices.Index([]Level{LevelError, LevelWarning, LevelInfo}, l) }
