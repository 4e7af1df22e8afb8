// Command mutate is mutation testing: it changes the code in small ways, one at a time, and runs the package's tests, and
// those of the other packages that are named for it. A change that no test notices has survived, and shows what is not tested.
//
//	go run -C tools ./mutate [-budget 1h] [-jobs N] [-run CHANGES] [-skip TESTS] FOLDER[=TEST-FOLDER,…]…
//
// All changes of a package are compiled into one test binary, through an overlay, and one environment variable switches a
// single one on. So a change costs a run of the tests and no build, and the tree is never touched.
//
// The changes: a condition that is always or never true, one side of it left out, && for ||, < for <=, a statement left out,
// a result replaced by its zero value, and in SQL "or" for "and". Changes that do not compile are dropped.
//
// Survivors that change nothing a test could observe are explained in accepted.txt; all others make the exit code 1. A
// test that runs into the time limit counts as killed.
package main
