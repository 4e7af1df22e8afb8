// Package load puts a driver under load in which everything goes wrong all the time, and counts wrong rows.
//
// Many tenants share few connections. Visitors read, write, roll back, panic, fail, run into time-outs, attack and are
// cancelled at any moment, while the server ends connections. [Run] then asks a superuser what is really there:
//
//	tally := load.Run(t, db, driver, load.Options{Tenants: 200, Goroutines: 64, For: time.Minute, AtLeast: 100_000})
//	require.Zero(t, tally.Wrong)
//
// Every row carries its tenant as a canary. A wrong row is one of another tenant's, wherever it turns up: in a result,
// or in the tables at the end. The writes have a ledger: what was acknowledged must be there, what was rolled back must
// not. An error that none of the faults explains fails the test as well.
//
// The package is for tests, of this repository's driver directly and behind poolers.
package load
