package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
)

const (
	// pageSize is how many agents a list has.
	pageSize = 20
	// connections is the size of every way's pool.
	connections = 4
)

// way is one manner of reaching the database. An operation that did not do all of its work answers with an error.
type way interface {
	// list reads the tenant's first agents, as many as a page has.
	list(ctx context.Context, tenant tenancy.ID) error
	// insert creates an agent.
	insert(ctx context.Context, tenant tenancy.ID, name string) error
	// update renames one agent, and reads it.
	update(ctx context.Context, tenant tenancy.ID, agent uuid.UUID, name string) error
	// unit is a transaction of three statements: a list, an insert and an update.
	unit(ctx context.Context, tenant tenancy.ID, agent uuid.UUID, name string) error
	close()
}

// The ways, in the order of the tables.
const (
	wayRaw = iota
	wayPlain
	wayNaive
	wayOurs
	wayCount
)

// wayNames are for people.
func wayNames() [wayCount]string {
	return [wayCount]string{
		wayRaw:   "raw pgx, no RLS",
		wayPlain: "Ent over database/sql, no RLS",
		wayNaive: "Ent over database/sql, a transaction for each, RLS",
		wayOurs:  "Ent over pgtenant, RLS",
	}
}

// openWays connects all four to one database. Close them also after an error.
func openWays(ctx context.Context, db database) (ways [wayCount]way, err error) {
	if ways[wayRaw], err = openRaw(ctx, db.superURL); err != nil {
		return ways, err
	}
	if ways[wayPlain], err = openPlain(db.superURL); err != nil {
		return ways, err
	}
	if ways[wayNaive], err = openNaive(db.appURL); err != nil {
		return ways, err
	}
	ways[wayOurs], err = openOurs(ctx, db.appURL)
	return ways, err
}

func closeWays(ways [wayCount]way) {
	for _, w := range ways {
		if w != nil {
			w.close()
		}
	}
}

// work is what is measured. Turn after turn it goes to other tenants and other rows, the same for every way.
type work struct {
	name string
	do   func(ctx context.Context, w way, s subjects, turn int) error
}

// works are the four kinds. Writers and readers have tenants of their own, so that no way reads what another's writes
// have made larger.
func works() []work {
	return []work{
		{name: "Read: a list of 20 agents", do: func(ctx context.Context, w way, s subjects, turn int) error {
			return w.list(ctx, s.readers[turn%len(s.readers)])
		}},
		{name: "Insert: one agent", do: func(ctx context.Context, w way, s subjects, turn int) error {
			return w.insert(ctx, s.writer(turn).tenant, fmt.Sprintf("inserted %d", turn))
		}},
		{name: "Update one: rename an agent and read it", do: func(ctx context.Context, w way, s subjects, turn int) error {
			to := s.writer(turn)
			return w.update(ctx, to.tenant, to.agent(turn), fmt.Sprintf("renamed %d", turn))
		}},
		{name: "Transaction: list, insert, update", do: func(ctx context.Context, w way, s subjects, turn int) error {
			to := s.writer(turn)
			return w.unit(ctx, to.tenant, to.agent(turn), fmt.Sprintf("in a unit %d", turn))
		}},
	}
}

// wrongCount is what an operation answers that did not meet the rows it should.
func wrongCount(what string, got, want int) error {
	return fmt.Errorf("%s: %d rows instead of %d", what, got, want)
}
