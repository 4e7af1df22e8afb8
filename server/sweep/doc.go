// Package sweep deletes rows that are no longer needed: [Retention] says which, and when. Every process runs a
// [Sweeper]; one of them sweeps at a time.
//
// It imports operation for the tenants, ent, the driver and tenancy.
package sweep
