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
	// newName is what writers write.
	newName = "Agent of the bench"
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
	name string
	client
	always bool // a single operation is in a transaction, too
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
	do     []operation
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
		workRead:   {fmt.Sprintf("Read: a list of %d agents", pageSize), []operation{client.list}, false, 1},
		workInsert: {"Insert: one agent", []operation{client.insert}, true, 1},
		workUpdate: {"Update one: rename an agent and read it back", []operation{client.update}, true, 1},
		workUnit: {
			"Transaction: list, insert, update", []operation{client.list, client.insert, client.update}, true, 1,
		},
		workBulk: {fmt.Sprintf("Bulk insert: %d agents", bulkSize), []operation{client.bulk}, true, 20},
	}
}

// by is the work done by every way.
func (w work) by(ways [wayCount]way, all jobs) []contestant {
	list := all.reads
	if w.writes {
		list = all.writes
	}
	contestants := make([]contestant, len(ways))
	for i, way := range ways {
		contestants[i] = contestant{name: way.name, do: func(ctx context.Context, turn int) error {
			j := list[turn%len(list)]
			if way.always || len(w.do) > 1 {
				return way.inTx(ctx, j, w.do)
			}
			return w.do[0](way.client, ctx, j)
		}}
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
