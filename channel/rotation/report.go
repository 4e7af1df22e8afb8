package rotation

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/tenancy"
)

// Why a connection was left to the next run.
var (
	errStale  = errors.New("changed concurrently on every attempt; run again")
	errLocked = errors.New("locked by another transaction; run again")
)

// Report is the result of a walk. Counts are of secrets unless noted.
type Report struct {
	// Keys are the ids of the configured keys, newest first.
	Keys []string
	// Found counts secrets by the id of the key that sealed them before the walk, configured or not.
	Found map[string]int
	// Tenants and Connections were visited; Empty counts the connections without secrets.
	Tenants, Connections, Empty int
	// Resealed were sealed by an older key. After Check they still are.
	Resealed int
	// Current were already sealed by the newest key.
	Current int
	// Failures are the secrets, or whole connections, that could not be resealed.
	Failures []Failure
}

// Failure is a secret that could not be resealed.
type Failure struct {
	Tenant     tenancy.ID
	Connection uuid.UUID
	// Secret is the name, empty if the whole connection failed.
	Secret string
	Err    error
}

func (w *walk) add(c connection, f found) {
	r := &w.report
	r.Connections++
	if len(f.keys)+len(f.failed) == 0 {
		r.Empty++
	}
	for id, n := range f.keys {
		r.Found[id] += n
	}
	r.Current += f.current
	r.Resealed += f.resealed
	for _, name := range slices.Sorted(maps.Keys(f.failed)) {
		r.Failures = append(r.Failures, c.failure(name, f.failed[name]))
	}
}

// fail records that a whole connection failed.
func (w *walk) fail(c connection, err error) {
	w.report.Connections++
	w.report.Failures = append(w.report.Failures, c.failure("", err))
}

func (c connection) failure(name string, err error) Failure {
	if (secrets.Patch{name: nil}).Check() != nil {
		name = "" // an invalid name may be a secret
	}
	return Failure{Tenant: c.tenant, Connection: c.ID, Secret: name, Err: err}
}

// Missing returns the sorted ids of keys that are in use but not configured.
func (r Report) Missing() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(r.Found)) {
		if !slices.Contains(r.Keys, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// WriteRun writes a report of [Rotation.Run] as text.
func (r Report) WriteRun(out io.Writer) error {
	_, err := fmt.Fprintf(out, "Newest key: %s\nResealed: %d, already current: %d, failed: %d\n%s\n",
		r.Keys[0], r.Resealed, r.Current, len(r.Failures), r.visited())
	return errors.Join(err, r.writeFailures(out))
}

// WriteCheck writes a report of [Rotation.Check] as text: each key, and how many secrets it sealed.
func (r Report) WriteCheck(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tID\tSECRETS\t")
	for i, id := range r.Keys {
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\n", i+1, id, r.Found[id], r.usage(i))
	}
	for _, id := range r.Missing() {
		fmt.Fprintf(table, "?\t%s\t%d\tin use, but not configured\n", id, r.Found[id])
	}
	_, err := fmt.Fprintln(table, r.visited())
	return errors.Join(err, table.Flush(), r.writeFailures(out))
}

func (r Report) usage(key int) string {
	switch {
	case key == 0:
		return "newest"
	case r.Found[r.Keys[key]] > 0:
		return "in use"
	case len(r.Failures) > 0: // it may have sealed the secrets that failed
		return "unknown, some secrets could not be read"
	default:
		return "not in use, can be removed"
	}
}

func (r Report) visited() string {
	return fmt.Sprintf("Visited: %d tenants, %d connections (%d without secrets)", r.Tenants, r.Connections, r.Empty)
}

func (r Report) writeFailures(out io.Writer) error {
	var err error
	for _, f := range r.Failures {
		name := ""
		if f.Secret != "" {
			name = " secret " + f.Secret
		}
		_, wrote := fmt.Fprintf(out, "FAILED tenant %s connection %s%s: %v\n", f.Tenant, f.Connection, name, f.Err)
		err = errors.Join(err, wrote)
	}
	return err
}
