package main

import (
	"context"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// side is one of several that do the same under different conditions. base is the place, among them, of the one that it
// is compared with: its own where it is the measure of others.
type side struct {
	name string
	base int
	took rounds
}

func (s side) ratio(of []side) float64 { return s.took.ratio(of[s.base].took) }

// measureScale reads the same list, our way, from databases of different sizes.
func measureScale(ctx context.Context, p plan, databases []database, populations []population) ([]side, error) {
	sides := make([]side, len(databases))
	contestants := make([]contestant, len(databases))
	var ends closers
	defer func() { ends.close() }()
	for i, db := range databases {
		s, err := findSubjects(ctx, db, populations[i])
		if err != nil {
			return nil, err
		}
		ours, err := openOurs(ctx, db.appURL)
		if err != nil {
			return nil, err
		}
		ends = append(ends, ours.close)
		sides[i] = side{name: thousands(populations[i].rows()) + " rows"}
		contestants[i] = contestant{name: "read among " + sides[i].name, do: func(ctx context.Context, turn int) error {
			return ours.list(ctx, s.readers[turn%len(s.readers)])
		}}
	}
	return fill(ctx, p, sides, contestants)
}

// skewPlanning is how often a statement runs for the big tenant at first. PostgreSQL plans a prepared statement for its
// arguments five times, and then decides whether one plan will do for all.
const skewPlanning = 10

// measureSkew counts a small tenant's agents on two kinds of connection: on one, each statement was first planned for a
// tenant with most of the table's rows; on the other, for small ones only. Through Ent the statement has the mixin's
// predicate; by hand, the policies alone.
func measureSkew(ctx context.Context, p plan, db database, pop population) ([]side, error) {
	s, err := findSubjects(ctx, db, pop)
	if err != nil {
		return nil, err
	}
	big, err := findBig(ctx, db)
	if err != nil {
		return nil, err
	}
	var sides []side
	var contestants []contestant
	var ends closers
	defer func() { ends.close() }()
	for _, after := range []struct {
		name  string
		first tenancy.ID
	}{{"first planned for a small tenant", s.readers[0]}, {"first planned for the big tenant", big}} {
		driver, err := pgtenant.Open(ctx, db.appURL, pgtenant.WithMaxConns(1))
		if err != nil {
			return nil, err
		}
		ends = append(ends, func() { _ = driver.Close() })
		for i, count := range counts(driver) {
			for range skewPlanning {
				if err := count.do(tenancy.With(ctx, after.first)); err != nil {
					return nil, err
				}
			}
			sides = append(sides, side{name: count.name + ", " + after.name, base: i})
			contestants = append(contestants, contestant{name: count.name, do: func(ctx context.Context, turn int) error {
				return count.do(tenancy.With(ctx, s.readers[turn%len(s.readers)]))
			}})
		}
	}
	return fill(ctx, p, sides, contestants)
}

// counting is one way to count a tenant's agents.
type counting struct {
	name string
	do   func(context.Context) error
}

func counts(driver *pgtenant.Driver) []counting {
	client := ent.NewClient(ent.Driver(driver))
	return []counting{
		{name: "count through Ent", do: func(ctx context.Context) error {
			_, err := client.Agent.Query().Count(ctx)
			return err
		}},
		{name: "count by hand", do: func(ctx context.Context) error {
			var n int64
			return pgtenant.QueryRow(ctx, driver, "SELECT count(*) FROM agents", nil, &n)
		}},
	}
}

// closers end what was opened in a loop.
type closers []func()

func (c closers) close() {
	for _, end := range c {
		end()
	}
}

func fill(ctx context.Context, p plan, sides []side, contestants []contestant) ([]side, error) {
	measured, err := compare(ctx, p, contestants)
	if err != nil {
		return nil, err
	}
	for i := range sides {
		sides[i].took = measured[i]
	}
	return sides, nil
}
