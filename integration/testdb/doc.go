// Package testdb gives each test a bootstrapped, migrated, empty database on a real PostgreSQL, and drops it when the
// test passes.
//
//	func TestMain(m *testing.M) { testdb.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		db := testdb.New(t)
//		pool, err := pgxpool.New(t.Context(), db.AppURL)
//		…
//	}
//
// [New] clones a migrated template in tens of milliseconds. [Empty] returns a database before its bootstrap. Tests that
// change roles, which belong to the cluster, use an [OwnCluster]; benchmarks use a [DurableCluster]. [Redis] starts a
// Redis.
//
// # Which server
//
// The first available one, which each process prints once:
//
//   - KONSTRUCT_TEST_DATABASE_URL, a superuser's URL of a cluster for tests
//   - postgres:16 in Docker, if an engine answers (required by KONSTRUCT_TEST_SERVER=docker)
//   - PostgreSQL of this machine, through package local (required by KONSTRUCT_TEST_SERVER=local)
//
// Without a server the test fails. It is never skipped.
//
// The processes of one `go test ./...` share a server. Each holds a file lock, and [Main] in the last one stops the
// server. A killed process loses its lock, so the next run uses, cleans up and stops its server.
//
// # After a failure
//
// A failed test keeps its database, logs its name, and leaves the server running until a run keeps nothing.
// KONSTRUCT_TEST_KEEP=1 also keeps the databases of passed tests. Kept databases are dropped after a day, or beyond 50.
package testdb
