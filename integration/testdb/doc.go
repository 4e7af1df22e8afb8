// Package testdb gives each test a database of its own on a real PostgreSQL: bootstrapped, migrated, empty, and gone
// when the test has passed. Only tests import it.
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
// [New] clones a migrated template, in some tens of milliseconds. [Empty] is a database before its bootstrap.
// [OwnCluster] is a server that no other test shares, for tests that change roles: roles are the cluster's, not the
// database's; [DurableCluster] is one to measure on. [Redis] is a Redis.
//
// # Which server
//
// The first of these that is there, and its name is printed once a process:
//
//   - KONSTRUCT_TEST_DATABASE_URL, a superuser's URL of a cluster that is meant for tests
//   - postgres:16 in Docker, when an engine answers (KONSTRUCT_TEST_SERVER=docker accepts nothing else)
//   - PostgreSQL from this machine, by package local (KONSTRUCT_TEST_SERVER=local accepts nothing else)
//
// None of them: the test fails. It is never skipped.
//
// The processes of one `go test ./...` share one server. Each holds a file lock as long as it lives; the last one to
// leave, through [Main], stops the server. A process that was killed gives its lock back as well, and what it left
// behind is used, cleaned up and stopped by the next run.
//
// # After a failure
//
// A failed test's database is kept, its name is logged, and the server runs on, to look into. KONSTRUCT_TEST_KEEP=1
// keeps the passed ones too. Kept databases go after a day, or when there are more than 50; the server goes with the
// next run that keeps nothing.
package testdb
