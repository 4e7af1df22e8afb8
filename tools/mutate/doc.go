// Command mutate is a mutation tester: it makes one small change to a package and runs its tests. A change that passes
// all tests has survived, which shows untested code.
//
//	go run -C tools ./mutate [-budget 1h] [-jobs N] [-run CHANGES] [-skip TESTS] FOLDER[=TEST-FOLDER,…]…
//
// All changes to a package are compiled into one test binary through an overlay, and an environment variable enables
// one. So a change costs a test run but no build, and the source tree is not modified.
//
// Changes are: a condition or an operand always true or false, && for ||, < for <=, a removed statement, a zero result,
// and "or" for "and" in SQL. Changes that do not compile are dropped.
//
// Equivalent changes are explained in accepted.txt. Any other survivor makes the exit code 1. A timeout counts as
// killed.
package main
