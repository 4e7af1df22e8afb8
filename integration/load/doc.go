// Package load runs a driver under load and faults, and counts wrong rows.
//
// Many tenants share few connections. Workers read, write, roll back, panic, fail, time out and attack, with contexts
// that may be canceled at any moment, while the server terminates connections. Finally [Run] compares the tables, as
// superuser, with what was written:
//
//	result := load.Run(t, db, driver, load.Options{Tenants: 200, Goroutines: 64, For: time.Minute, AtLeast: 100_000})
//	require.Zero(t, result.Wrong)
//
// Every row carries its tenant as a canary. A wrong row is another tenant's, in a result or in the tables. A ledger
// records writes: acknowledged rows must exist, rolled-back rows must not. An error that no injected fault explains
// fails the test.
//
// The package is for tests of this repository's driver, directly and behind poolers.
package load
