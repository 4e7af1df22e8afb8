package testdb

import (
	"context"
	"os"
	"testing"
	"time"
)

// patience bounds each step of the harness that waits for a server.
const patience = 2 * time.Minute

// Database is one test's own.
type Database struct {
	Name string
	// AppURL logs in as konstruct_app, as the product does: whatever is under test goes through it.
	AppURL string
	// OwnerURL logs in as konstruct_owner, as migrations do.
	OwnerURL string
	// SuperURL logs in as the superuser: to arrange and to inspect, never to act.
	SuperURL string
}

// New is a migrated database without rows. It is dropped when the test passes.
func New(tb testing.TB) *Database {
	tb.Helper()
	return sharedCluster(tb).New(tb)
}

// Empty is a database as CREATE DATABASE leaves it: no bootstrap, no migrations, owned by the superuser. The roles
// exist, as they do everywhere on a shared cluster, and can log in.
func Empty(tb testing.TB) *Database {
	tb.Helper()
	return sharedCluster(tb).Empty(tb)
}

// New is [New] on this cluster.
func (c *Cluster) New(tb testing.TB) *Database {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := databaseName(tb.Name(), time.Now())
	if err := c.clone(ctx, name); err != nil {
		tb.Fatalf("testdb: %v", err)
	}
	return c.hand(tb, name)
}

// Empty is [Empty] on this cluster. On a cluster of one's own no role exists before the first bootstrap.
func (c *Cluster) Empty(tb testing.TB) *Database {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := databaseName(tb.Name(), time.Now())
	if err := c.create(ctx, name); err != nil {
		tb.Fatalf("testdb: %v", err)
	}
	return c.hand(tb, name)
}

// hand gives the database to the test, and takes it back at the test's end.
func (c *Cluster) hand(tb testing.TB, name string) *Database {
	tb.Helper()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if tb.Failed() || os.Getenv(keepVariable) == "1" {
			c.keep(ctx, tb, name)
			return
		}
		if err := c.drop(ctx, name); err != nil {
			tb.Errorf("testdb: %v", err)
		}
	})
	return &Database{
		Name:     name,
		AppURL:   c.url(appRole, name),
		OwnerURL: c.url(ownerRole, name),
		SuperURL: c.superURL(name),
	}
}

// keep marks the database, so that the clean-up of later runs spares it for a while.
func (c *Cluster) keep(ctx context.Context, tb testing.TB, name string) {
	tb.Helper()
	if c.own {
		tb.Logf("testdb: database %s went with the test's own cluster", name)
		return
	}
	if err := c.markKept(ctx, name, tb.Name()); err != nil {
		tb.Errorf("testdb: %v", err)
		return
	}
	tb.Logf("testdb: kept database %s; look at it with: %s", name, c.lookInto(name))
}
