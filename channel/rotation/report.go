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

// Reasons for which a connection is left to the next run.
var (
	errStale  = errors.New("changed by others each time it was read; run again")
	errLocked = errors.New("locked by a long transaction; run again")
)

// Report says what a walk found and did. Counts are of secrets unless the name says otherwise.
type Report struct {
	// Keys are the ids of the configured keys, the newest first.
	Keys []string
	// Found counts secrets by the id of the key that sealed them before the walk. Ids that aren't in Keys are of keys
	// that are missing from the configuration.
	Found map[string]int
	// Tenants and Connections are how many were visited; Empty is how many of the connections have no secrets.
	Tenants, Connections, Empty int
	// Resealed were sealed by an older key. In a report of Check, they still are.
	Resealed int
	// Current were sealed by the newest key already.
	Current int
	// Failures are the secrets, or whole connections, that could not be resealed.
	Failures []Failure
}

// Failure is a secret that could not be resealed.
type Failure struct {
	Tenant     tenancy.ID
	Connection uuid.UUID
	// Secret is its name, "" when the whole connection failed.
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
	r.Resealed += len(f.resealed)
	for _, name := range slices.Sorted(maps.Keys(f.failed)) {
		r.Failures = append(r.Failures, c.failure(name, f.failed[name]))
	}
}

// fail records a connection of which nothing was resealed.
func (w *walk) fail(c connection, err error) {
	w.report.Connections++
	w.report.Failures = append(w.report.Failures, c.failure("", err))
}

func (c connection) failure(name string, err error) Failure {
	if (secrets.Patch{name: nil}).Check() != nil {
		name = "" // a text that isn't a name may be a secret
	}
	return Failure{Tenant: c.tenant, Connection: c.ID, Secret: name, Err: err}
}

// Missing returns the ids of keys that are in use and not configured, sorted.
func (r Report) Missing() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(r.Found)) {
		if !slices.Contains(r.Keys, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// WriteRun writes a report of [Rotation.Run] for people.
func (r Report) WriteRun(out io.Writer) error {
	_, err := fmt.Fprintf(out, "Newest key: %s\nResealed: %d, already current: %d, failed: %d\n%s\n",
		r.Keys[0], r.Resealed, r.Current, len(r.Failures), r.visited())
	return errors.Join(err, r.writeFailures(out))
}

// WriteCheck writes a report of [Rotation.Check] for people: the keys in their order, and how many secrets each sealed.
func (r Report) WriteCheck(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tID\tSECRETS\t")
	for i, id := range r.Keys {
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\n", i+1, id, r.Found[id], r.verdict(i))
	}
	for _, id := range r.Missing() {
		fmt.Fprintf(table, "?\t%s\t%d\tin use, but not configured\n", id, r.Found[id])
	}
	_, err := fmt.Fprintln(table, r.visited())
	return errors.Join(err, table.Flush(), r.writeFailures(out))
}

func (r Report) verdict(key int) string {
	switch {
	case key == 0:
		return "newest"
	case r.Found[r.Keys[key]] > 0:
		return "in use"
	case len(r.Failures) > 0: // it may have sealed what could not be read
		return "not in use by what could be read"
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
