package bench

import (
	"context"
	"fmt"
	"testing"
)

const (
	// connections is the size of each way's pool.
	connections = 4
	// serveGOGC is what `konstruct serve` collects garbage by. All ways and servers do: collectors are not compared.
	serveGOGC = 400
	// bulkSize is how many agents a bulk insert has.
	bulkSize = 1000
)

// way is one way to reach the database. An operation that does not do all of its work returns an error.
type way interface {
	list(ctx context.Context, j job) error   // reads the tenant's first agents, one page
	insert(ctx context.Context, j job) error // creates an agent
	update(ctx context.Context, j job) error // renames one agent and reads it back
	unit(ctx context.Context, j job) error   // does the three above in one transaction
	bulk(ctx context.Context, j job) error   // creates many agents
}

// The ways, in the order of the tables.
const (
	wayRaw = iota
	wayPlain
	wayNaive
	wayOurs
	wayCount
)

func wayNames() [wayCount]string {
	return [wayCount]string{
		wayRaw:   "raw pgx, no RLS",
		wayPlain: "plain Ent, no RLS",
		wayNaive: "plain Ent, a transaction for each, RLS",
		wayOurs:  "Konstruct, RLS",
	}
}

func openWays(tb testing.TB, superURL, appURL string) [wayCount]way {
	tb.Helper()
	return [wayCount]way{
		wayRaw:   openRaw(tb, superURL),
		wayPlain: openPlain(tb, superURL),
		wayNaive: naive{openPlain(tb, appURL)},
		wayOurs:  openOurs(tb, appURL),
	}
}

// work is what is measured.
type work struct {
	name   string
	do     func(w way, ctx context.Context, j job) error
	writes bool
	weight int // how many turns of light work one turn counts as
}

// The works, in the order of the tables.
const (
	workRead = iota
	workInsert
	workUpdate
	workUnit
	workBulk
	workCount
)

func works() [workCount]work {
	return [workCount]work{
		workRead:   {fmt.Sprintf("Read: a list of %d agents", pageSize), way.list, false, 1},
		workInsert: {"Insert: one agent", way.insert, true, 1},
		workUpdate: {"Update one: rename an agent and read it back", way.update, true, 1},
		workUnit:   {"Transaction: list, insert, update", way.unit, true, 1},
		workBulk:   {fmt.Sprintf("Bulk insert: %d agents", bulkSize), way.bulk, true, 20},
	}
}

// by is the work done by every way.
func (w work) by(ways [wayCount]way, all jobs) []contestant {
	list := all.reads
	if w.writes {
		list = all.writes
	}
	contestants := make([]contestant, len(ways))
	for i, name := range wayNames() {
		contestants[i] = contestant{name: name, do: func(ctx context.Context, turn int) error {
			return w.do(ways[i], ctx, list[turn%len(list)])
		}}
	}
	return contestants
}

// listInsertUpdate is the work of a transaction, done by a way that is inside of it.
func listInsertUpdate(ctx context.Context, w way, j job) error {
	for _, do := range []func(context.Context, job) error{w.list, w.insert, w.update} {
		if err := do(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// expect returns an error if an operation met another number of rows than it should.
func expect(want, got int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%d rows instead of %d", got, want)
	}
	return err
}
