// Package load runs a driver under load and faults, and counts wrong rows.
//
// Many tenants share few connections. Workers read, write, roll back, panic, fail, time out and attack. Their contexts
// may be canceled at any moment, and the server terminates connections. Finally [Run] compares the tables, as
// superuser, with what was written:
//
//	result := load.Run(t, db, driver, load.Options{Tenants: 200, Goroutines: 64, For: time.Minute, AtLeast: 100_000})
//	require.Zero(t, result.Wrong)
//
// Every row carries its tenant as a canary. A wrong row, in a result or in the tables, is another tenant's. Of the
// recorded writes, acknowledged rows must exist and rolled-back rows must not. An error that no injected fault explains
// fails the test.
package load
