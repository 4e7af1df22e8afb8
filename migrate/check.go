package migrate

import (
	"context"
	"errors"
	"fmt"

	entschema "entgo.io/ent/dialect/sql/schema"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

// ErrDrift means that the Ent schema and the migrations make different databases.
var ErrDrift = errors.New("the migrations do not make what the Ent schema says: plan a migration (task migrate:diff)")

// CheckOptions say what to check.
type CheckOptions struct {
	// Chains are applied in order: [Konstruct] alone where empty.
	Chains []Chain
	// Tables are those that the last chain makes: Tables of the Ent schema's generated package migrate.
	Tables []*entschema.Table
	// Spec lists the tables that belong to no tenant.
	Spec doctor.Spec
	// ScratchURL is a superuser's URL of a server on which databases may be made and dropped.
	ScratchURL string
	// Rows are statements that make rows for the rehearsal where made-up values are not accepted, by table.
	Rows map[string]string
	// Doctor examines the migrated scratch database, as konstruct_app. It may be nil.
	Doctor func(ctx context.Context, conn *pgx.Conn) error
}

// CheckResult is one step of [Check].
type CheckResult struct {
	// Step is a short name for people: "sums", "lints", "rehearsal", "weakening", "schema", "snapshot", "doctor".
	Step string
	// Err is what the step found, or nil.
	Err error
}

// Check examines migrations without touching any database but scratch ones: that the files are those of atlas.sum, that
// none does what a migration must not, that the whole chain applies as the plain owner while the tables have rows, that
// no file weakens isolation without saying so, that the chain makes what the Ent schema and snapshot.json say, and that
// the doctor has nothing against the outcome.
//
// The result has every step that could be taken; later ones are left out when an earlier one makes them pointless.
func Check(ctx context.Context, o CheckOptions) []CheckResult {
	if len(o.Chains) == 0 {
		o.Chains = []Chain{Konstruct()}
	}
	var out []CheckResult
	step := func(name string, err error) bool {
		out = append(out, CheckResult{Step: name, Err: err})
		return err == nil
	}
	files, err := loadAll(o.Chains)
	if !step("sums", err) || !step("lints", lintErrors(files)) {
		return out
	}
	weakens := &weakening{spec: o.Spec}
	if !step("rehearsal", o.rehearse(ctx, weakens)) {
		return out
	}
	safe := step("weakening", errors.Join(weakens.errs...))
	if planned := step("schema", o.drift(ctx)); safe && planned {
		step("snapshot", o.snapshotIsCurrent(ctx))
	}
	if o.Doctor != nil {
		step("doctor", o.examine(ctx))
	}
	return out
}

func loadAll(chains []Chain) ([]file, error) {
	var out []file
	for _, c := range chains {
		files, err := c.load()
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

// rehearse applies the chains to a scratch database whose tables get rows after every file.
func (o CheckOptions) rehearse(ctx context.Context, w *weakening) (err error) {
	s, err := newScratch(ctx, o.ScratchURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	r := &rehearsal{scratch: s, given: o.Rows}
	_, err = s.up(ctx, o.Chains, r.fill, w.observe)
	return err
}

// drift compares the chains with the Ent schema.
func (o CheckOptions) drift(ctx context.Context) (err error) {
	last := len(o.Chains) - 1
	d := DiffOptions{
		Name: "drift", Tables: o.Tables, Base: o.Chains[:last], Spec: o.Spec, ScratchURL: o.ScratchURL,
	}
	plan, err := draft(ctx, d, o.Chains[last])
	if err != nil {
		return err
	}
	if plan.SQL != "" {
		return fmt.Errorf("%w:\n%s", ErrDrift, plan.SQL)
	}
	return nil
}

// examine lets the doctor look at the outcome as the application would see it.
func (o CheckOptions) examine(ctx context.Context) (err error) {
	s, err := replay(ctx, o.ScratchURL, o.Chains)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	conn, err := s.as(ctx, AppRole)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	return o.Doctor(ctx, conn)
}
