package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// FileStatus is a migration and the time it was applied.
type FileStatus struct {
	Name string
	// AppliedAt is in UTC, or zero if the file is pending.
	AppliedAt time.Time
}

// ChainStatus is a chain compared with a database.
type ChainStatus struct {
	Name  string
	Files []FileStatus
	// Problem is the error that [Up] would return, or nil.
	Problem error
}

// Pending returns the names of the files that the next [Up] applies.
func (s ChainStatus) Pending() []string {
	var out []string
	for _, f := range s.Files {
		if f.AppliedAt.IsZero() {
			out = append(out, f.Name)
		}
	}
	return out
}

// Status reports applied and pending files and changes nothing. The role needs to read the revision tables only.
func Status(ctx context.Context, o Options) ([]ChainStatus, error) {
	o = o.withDefaults()
	conn, err := connect(ctx, o.URL, nil)
	if err != nil {
		return nil, explainLogin(o.URL, err)
	}
	defer closeConn(ctx, conn)
	out := make([]ChainStatus, 0, len(o.Chains))
	for _, c := range o.Chains {
		s, err := c.status(ctx, conn)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (c Chain) status(ctx context.Context, q Querier) (ChainStatus, error) {
	files, err := c.load()
	if err != nil {
		return ChainStatus{}, err
	}
	revs, err := c.revisions(ctx, q)
	if err != nil {
		return ChainStatus{}, fmt.Errorf("revisions of %s: %w", c.Name, err)
	}
	at := make(map[string]time.Time, len(revs))
	for _, r := range revs {
		at[r.Version] = r.At.UTC()
	}
	_, problem := c.pending(files, revs)
	s := ChainStatus{Name: c.Name, Problem: problem}
	for _, f := range files {
		s.Files = append(s.Files, FileStatus{Name: f.name, AppliedAt: at[f.version]})
	}
	return s, nil
}

// Current reports to a readiness probe whether all migrations of this binary were applied, and if not, the reason in
// one sentence. A newer database is ok: the previous release serves while the next one is rolled out. The error is set
// if the database could not be queried. konstruct_app may call it. The default chain is [Konstruct].
func Current(ctx context.Context, q Querier, chains ...Chain) (ok bool, detail string, err error) {
	if len(chains) == 0 {
		chains = []Chain{Konstruct()}
	}
	for _, c := range chains {
		s, err := c.status(ctx, q)
		switch {
		case errors.Is(err, ErrChecksum):
			return false, err.Error(), nil
		case err != nil:
			return false, "", err
		case errors.Is(s.Problem, ErrNewer):
			continue
		case s.Problem != nil:
			return false, s.Problem.Error(), nil //nolint:nilerr // the problem is the result
		}
		if p := s.Pending(); len(p) > 0 {
			return false, fmt.Sprintf("%d migrations of %s are pending, starting with %s", len(p), c.Name, p[0]), nil
		}
	}
	return true, "", nil
}
