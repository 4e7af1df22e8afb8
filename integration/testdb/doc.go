// Package testdb gives each test a database on a real PostgreSQL: bootstrapped, migrated, empty, and dropped when the
// test has passed. Only tests import it.
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
// [New] clones a migrated template in tens of milliseconds. [Empty] is a database before its bootstrap. [OwnCluster] is
// a server for one test, for tests that change roles: roles belong to the cluster, not to the database.
// [DurableCluster] is one for benchmarks. [Redis] is a Redis.
//
// # Which server
//
// The first of these that is available. Each process prints it once:
//
//   - KONSTRUCT_TEST_DATABASE_URL, a superuser's URL of a cluster for tests
//   - postgres:16 in Docker, if an engine answers (required by KONSTRUCT_TEST_SERVER=docker)
//   - PostgreSQL of this machine, through package local (required by KONSTRUCT_TEST_SERVER=local)
//
// Without a server the test fails. It is never skipped.
//
// The processes of one `go test ./...` share one server. Each holds a file lock; [Main] in the last process stops the
// server. A killed process releases its lock, too, and the next run uses, cleans up and stops its server.
//
// # After a failure
//
// A failed test's database is kept, its name is logged, and the server keeps running. KONSTRUCT_TEST_KEEP=1 also keeps
// those of passed tests. Kept databases are dropped after a day, or when there are more than 50. The server stops with
// the next run that keeps nothing.
package testdb
