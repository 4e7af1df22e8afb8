package testdb

import (
	"context"
	"os"
	"testing"
	"time"
)

// serverTimeout bounds each wait for a server.
const serverTimeout = 2 * time.Minute

// Database is a test's database.
type Database struct {
	Name string
	// AppURL logs in as konstruct_app, for the code under test.
	AppURL string
	// OwnerURL logs in as konstruct_owner, as migrations do.
	OwnerURL string
	// SuperURL logs in as the superuser, to set up and to inspect.
	SuperURL string
}

// New returns a migrated database without rows, which is dropped when the test passes.
func New(tb testing.TB) *Database {
	tb.Helper()
	return sharedCluster(tb).New(tb)
}

// Empty returns a database without bootstrap and migrations, owned by the superuser. The cluster's roles can log in.
func Empty(tb testing.TB) *Database {
	tb.Helper()
	return sharedCluster(tb).Empty(tb)
}

// New is [New] on this cluster.
func (c *Cluster) New(tb testing.TB) *Database {
	tb.Helper()
	return c.database(tb, c.clone)
}

// Empty is [Empty] on this cluster. On an [OwnCluster] no role exists before the first bootstrap.
func (c *Cluster) Empty(tb testing.TB) *Database {
	tb.Helper()
	return c.database(tb, c.create)
}

// database creates a database, and drops or keeps it when the test ends.
func (c *Cluster) database(tb testing.TB, create func(ctx context.Context, name string) error) *Database {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	name := databaseName(tb.Name(), time.Now())
	if err := create(ctx, name); err != nil {
		tb.Fatalf("testdb: %v", err)
	}
	atEnd(tb, func(ctx context.Context) error {
		if tb.Failed() || os.Getenv(keepVariable) == "1" {
			return c.keep(ctx, tb, name)
		}
		return c.drop(ctx, name)
	})
	return &Database{
		Name:     name,
		AppURL:   c.url(appRole, name),
		OwnerURL: c.url(ownerRole, name),
		SuperURL: c.superURL(name),
	}
}

// keep marks the database, so that later cleanups keep it for a day.
func (c *Cluster) keep(ctx context.Context, tb testing.TB, name string) error {
	tb.Helper()
	if c.own {
		tb.Logf("testdb: database %s went with the test's own cluster", name)
		return nil
	}
	if err := c.markKept(ctx, name, tb.Name()); err != nil {
		return err
	}
	tb.Logf("testdb: kept database %s; look at it with: %s", name, c.lookInto(name))
	return nil
}

func atEnd(tb testing.TB, do func(context.Context) error) {
	tb.Helper()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
		defer cancel()
		if err := do(ctx); err != nil {
			tb.Errorf("testdb: %v", err)
		}
	})
}
