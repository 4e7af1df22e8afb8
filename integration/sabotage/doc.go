// Command sabotage proves the isolation suite: it takes one protection away at a time, on a scratch copy, and demands that
// the tests, the doctor or the attack kit turn red. A protection that can go without anybody noticing is a failure.
//
//	go run ./integration/sabotage              everything, in some minutes; sabotage-report.md and .json
//	go run ./integration/sabotage -only driver only saboteurs whose id contains "driver"
//	go run ./integration/sabotage -list        the saboteurs
//	go run ./integration/sabotage -docs        the page docs/security/sabotage.md
//	go run ./integration/sabotage -whole       for each code saboteur, all tests of its packages: who else turns red
//
// There are two kinds of saboteurs:
//
//   - Code saboteurs change source files through `go test -overlay`, so that the tree stays as it is. Each change is an exact
//     piece of text that occurs once; where it does not, the protection has moved, and the saboteur fails until it is
//     updated. Then the tests that the saboteur names have to fail, all of them.
//   - Database saboteurs run SQL on a clone of the migrated database; those that change roles have a server of their own.
//     Then the doctor has to find what the saboteur names, and the attack kit has to get through exactly where it says.
//
// Where another layer holds while one is gone, the saboteur says which, and names tests that have to stay green. Where
// several layers stand behind each other, a saboteur can take the others away first: the named tests have to pass on the
// layer that is left, and to fail without it.
//
// The tables of saboteurs are the files table_*.go. The package's tests check, in a moment, that every change still fits
// today's source, that every named test exists and that the page is current; the whole run is CI's.
package main
