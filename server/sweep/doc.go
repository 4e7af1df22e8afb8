// Package sweep deletes rows that are no longer needed: [Retention] says which, and when. Every process runs a
// [Sweeper]; one of them sweeps at a time.
//
// It imports ent for the list of tenants, the driver and tenancy.
package sweep
