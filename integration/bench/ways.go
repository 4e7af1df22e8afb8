package bench

import (
	"context"
	"fmt"
	"testing"
)

const (
	connections = 4    // in each way's pool
	serveGOGC   = 400  // as in `konstruct serve`, for all ways and servers in Go
	bulkSize    = 1000 // agents in a bulk insert
)

// client is a pool or a transaction. An operation that affects an unexpected number of rows returns an error.
type client interface {
	list(ctx context.Context, j job) error   // reads the first page of the tenant's agents
	insert(ctx context.Context, j job) error // creates an agent
	update(ctx context.Context, j job) error // renames an agent and reads it back
	bulk(ctx context.Context, j job) error   // creates many agents
	inTx(ctx context.Context, j job, do []operation) error
}

// operation is a method of [client].
type operation func(c client, ctx context.Context, j job) error

// inOrder runs the operations of a transaction.
func inOrder(ctx context.Context, c client, j job, do []operation) error {
	for _, operation := range do {
		if err := operation(c, ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// way is one way to access the database.
type way struct {
	name   string
	pool   client
	always bool // use a transaction for a single operation, too
}

// contestant runs operations, in one transaction if there are several.
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

// workload is an operation, or several in one transaction.
type workload struct {
	name   string
	weight int // divides the number of turns
	do     []operation
}

// The workloads, in the order of the tables.
const (
	workRead = iota
	workInsert
	workUpdate
	workUnit
	workBulk
	workCount
)

func workloads() [workCount]workload {
	return [workCount]workload{
		workRead:   {fmt.Sprintf("Read: a list of %d agents", pageSize), 1, []operation{client.list}},
		workInsert: {"Insert: one agent", 1, []operation{client.insert}},
		workUpdate: {"Update one: rename an agent and read it back", 1, []operation{client.update}},
		workUnit:   {"Transaction: list, insert, update", 1, []operation{client.list, client.insert, client.update}},
		workBulk:   {fmt.Sprintf("Bulk insert: %d agents", bulkSize), 20, []operation{client.bulk}},
	}
}

// by returns one contestant per way.
func (w workload) by(ways [wayCount]way, jobs []job) (contestants []contestant) {
	for _, way := range ways {
		contestants = append(contestants, way.contestant(w.do, jobs))
	}
	return contestants
}

// expect returns an error if the number of rows is wrong.
func expect(want, got int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%d rows instead of %d", got, want)
	}
	return err
}
