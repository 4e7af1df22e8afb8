// Command sabotage tests the isolation suite. On a copy, it removes one protection after another. The run fails if
// tests, doctor and attack kit all miss a removal.
//
//	go run ./integration/sabotage              all saboteurs, in minutes; writes sabotage-report.md and .json
//	go run ./integration/sabotage -only driver only saboteurs whose id contains "driver"
//	go run ./integration/sabotage -list        list the saboteurs
//	go run ./integration/sabotage -docs        print docs/security/sabotage.md
//	go run ./integration/sabotage -whole       run all tests of the packages, and all attacks: what else notices
//
// There are two kinds of saboteurs:
//
//   - Code saboteurs change source files through `go test -overlay`, so the tree is not touched. Each edit is a text
//     that occurs exactly once. If it does not, the protection has moved, and the saboteur fails until it is updated.
//     All tests that the saboteur names must fail.
//   - Database saboteurs run SQL on a clone of the migrated database. Those that change roles have a server of their
//     own. The doctor must report the named findings, and the named attacks must succeed.
//
// If another layer still protects rows, the saboteur names it and the tests that must still pass. If layers cover each
// other, it can remove the others first: the named tests must pass on the remaining layer, and fail without it.
//
// The saboteurs are in table_*.go. Tests check that every edit fits the source, that every named test exists and that
// the page is current. CI runs all saboteurs.
package main
