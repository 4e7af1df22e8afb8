package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// measure does everything, on databases that fresh makes.
func measure(ctx context.Context, o options, fresh func() database, progress io.Writer) (report, error) {
	say := func(what string) { fmt.Fprintln(progress, "  "+what) }
	b := bench{options: o, fresh: fresh, say: say}
	db, s, err := b.populate(ctx, o.main)
	if err != nil {
		return report{}, err
	}
	r := report{options: o}
	if r.machine, err = describe(ctx, db, o); err != nil {
		return r, err
	}
	if r.works, err = measureWorks(ctx, o, db, s, say); err != nil {
		return r, err
	}
	say("The authenticated list over HTTP")
	if r.web, err = measureWeb(ctx, o.loopback, db, s); err != nil {
		return r, err
	}
	if r.scale, err = b.scale(ctx, db); err != nil {
		return r, err
	}
	r.skew, err = b.skew(ctx)
	return r, err
}

// bench is one run.
type bench struct {
	options options
	fresh   func() database
	say     func(string)
}

func (b bench) populate(ctx context.Context, p population) (database, subjects, error) {
	b.say("A database of " + thousands(p.rows()) + " rows")
	db := b.fresh()
	if err := seed(ctx, db, p); err != nil {
		return db, subjects{}, err
	}
	s, err := findSubjects(ctx, db, p)
	return db, s, err
}

func (b bench) scale(ctx context.Context, main database) ([]side, error) {
	small, _, err := b.populate(ctx, b.options.small)
	if err != nil {
		return nil, err
	}
	databases := []database{small, main}
	populations := []population{b.options.small, b.options.main}
	if b.options.huge != nil {
		huge, _, err := b.populate(ctx, *b.options.huge)
		if err != nil {
			return nil, err
		}
		databases, populations = append(databases, huge), append(populations, *b.options.huge)
	}
	b.say("One tenant's read, among more and more rows of others")
	return measureScale(ctx, b.options.loopback, databases, populations)
}

func (b bench) skew(ctx context.Context) ([]side, error) {
	db, _, err := b.populate(ctx, b.options.skewed)
	if err != nil {
		return nil, err
	}
	b.say("A small tenant after a big one")
	return measureSkew(ctx, b.options.loopback, db, b.options.skewed)
}

// describe says what was measured on: the numbers mean nothing without it.
func describe(ctx context.Context, db database, o options) (string, error) {
	conn, err := pgx.Connect(ctx, db.superURL)
	if err != nil {
		return "", fmt.Errorf("describe the server: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var version, fsync, buffers string
	err = conn.QueryRow(ctx, `SELECT split_part(current_setting('server_version'), ' ', 1),
		current_setting('fsync'), current_setting('shared_buffers')`).Scan(&version, &fsync, &buffers)
	if err != nil {
		return "", fmt.Errorf("describe the server: %w", err)
	}
	return fmt.Sprintf("PostgreSQL %s (fsync %s, shared_buffers %s), %s, %d cores for both; %s tenants of %d agents; "+
		"medians of %d rounds of %d turns (%d at 1 ms).", version, fsync, buffers, runtime.Version(), runtime.NumCPU(),
		thousands(o.main.tenants), o.main.agentsEach, o.loopback.rounds, o.loopback.turns, o.network.turns), nil
}

// thousands spells 10000 as 10,000.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), ",")
}
