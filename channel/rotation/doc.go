// Package rotation reseals the stored secrets of all tenants under the newest sealing key.
//
//	r := rotation.New(drv, box)      // the box's first key is the newest
//	report, err := r.Run(ctx)        // or Check, which changes nothing
//
// The walk visits every tenant, suspended ones included, each under a context of its own, and reads a tenant's connections
// in pages. It needs no transaction and holds no lock between statements, so servers go on working:
//
//   - A row is replaced only if its secrets are still those that were read; otherwise it is read again.
//   - A save that overtakes the walk does not bring an older key back, because secrets.Box.Apply reseals what it keeps.
//   - A row's updated_at, and with it the ETag, stays: nothing that the API shows has changed.
//
// Run can be interrupted at any point and started again: secrets under the newest key are skipped.
//
// The package imports ent, tenancy and channel/secrets.
package rotation
