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

// client is a pool of one way, or a transaction. An operation that does not do all of its work returns an error.
type client interface {
	list(ctx context.Context, j job) error   // reads the tenant's first agents, one page
	insert(ctx context.Context, j job) error // creates an agent
	update(ctx context.Context, j job) error // renames one agent and reads it back
	bulk(ctx context.Context, j job) error   // creates many agents
	inTx(ctx context.Context, j job, do []operation) error
}

// operation is a method of [client].
type operation func(c client, ctx context.Context, j job) error

// inOrder is what a transaction does.
func inOrder(ctx context.Context, c client, j job, do []operation) error {
	for _, operation := range do {
		if err := operation(c, ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// way is one way to reach the database.
type way struct {
	name   string
	pool   client
	always bool // a single operation is in a transaction, too
}

// contestant does some operations, in one transaction if there are several.
func (w way) contestant(do []operation, jobs []job) contestant {
	return contestant{name: w.name, do: func(ctx context.Context, turn int) error {
		j := jobs[turn%len(jobs)]
		if w.always || len(do) > 1 {
			return w.pool.inTx(ctx, j, do)
		}
		return do[0](w.pool, ctx, j)
	}}
}

// The ways, in the order of the tables.
const (
	wayRaw = iota
	wayPlain
	wayNaive
	wayOurs
	wayCount
)

func openWays(tb testing.TB, superURL, appURL string) [wayCount]way {
	tb.Helper()
	return [wayCount]way{
		wayRaw:   {"raw pgx, no RLS", openRaw(tb, superURL), false},
		wayPlain: {"plain Ent, no RLS", plain{openPlain(tb, superURL), false}, false},
		wayNaive: {"plain Ent, a transaction for each, RLS", plain{openPlain(tb, appURL), true}, true},
		wayOurs:  {"Konstruct, RLS", openOurs(tb, appURL), false},
	}
}

// work is what is measured: an operation, or several in one transaction.
type work struct {
	name   string
	weight int // how many turns of light work one turn counts as
	do     []operation
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
		workRead:   {fmt.Sprintf("Read: a list of %d agents", pageSize), 1, []operation{client.list}},
		workInsert: {"Insert: one agent", 1, []operation{client.insert}},
		workUpdate: {"Update one: rename an agent and read it back", 1, []operation{client.update}},
		workUnit:   {"Transaction: list, insert, update", 1, []operation{client.list, client.insert, client.update}},
		workBulk:   {fmt.Sprintf("Bulk insert: %d agents", bulkSize), 20, []operation{client.bulk}},
	}
}

// by is the work done by every way.
func (w work) by(ways [wayCount]way, jobs []job) (contestants []contestant) {
	for _, way := range ways {
		contestants = append(contestants, way.contestant(w.do, jobs))
	}
	return contestants
}

// expect returns an error if an operation met another number of rows than it should.
func expect(want, got int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%d rows instead of %d", got, want)
	}
	return err
}
