// Package rotation reseals the stored secrets of all tenants under the newest key.
//
//	r := rotation.New(drv, box)      // the box's first key is the newest
//	report, err := r.Run(ctx)        // or Check, which changes nothing
//
// It reads the connections of every tenant, suspended ones included, in pages under the tenant's own context. It opens
// no transaction and holds no lock between statements, so servers keep working:
//
//   - A row is replaced only if its secrets are unchanged since they were read; otherwise it is read again.
//   - A concurrent save does not restore an older key, because secrets.Box.Apply reseals the secrets it keeps.
//   - updated_at, and with it the ETag, stays: nothing that the API shows has changed.
//
// An interrupted run can be repeated: secrets under the newest key are skipped.
//
// The package imports ent, tenancy and channel/secrets.
package rotation
