package migrate

import (
	"context"
	"errors"
	"fmt"

	entschema "entgo.io/ent/dialect/sql/schema"
	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

// ErrDrift is returned when the migrations and the Ent schema make different tables.
var ErrDrift = errors.New("the migrations do not match the Ent schema: plan a migration (task migrate:diff)")

// CheckOptions configure [Check].
type CheckOptions struct {
	// Chains are applied in order. Default: [Konstruct] alone.
	Chains []Chain
	// Tables are those of the last chain: Tables of Ent's generated package migrate.
	Tables []*entschema.Table
	// Spec lists the tables without a tenant.
	Spec doctor.Spec
	// ScratchURL is a superuser's URL of a server on which scratch databases are created and dropped.
	ScratchURL string
	// Doctor examines the migrated scratch database as konstruct_app. It may be nil.
	Doctor func(ctx context.Context, conn *pgx.Conn) error
}

// CheckResult is one step of [Check].
type CheckResult struct {
	// Step is "sums", "lints", "rehearsal", "weakening", "schema", "snapshot" or "doctor".
	Step string
	// Err is the fault, or nil.
	Err error
}

// Check examines migrations on scratch databases: the files match atlas.sum and pass the lints, the chain applies as
// the owner role while the tables have rows, no file weakens isolation without a declaration, the result matches the
// Ent schema and snapshot.json, and the doctor reports no error.
//
// Steps that depend on a failed step are omitted from the result.
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
		examine := func(conn *pgx.Conn) error { return o.Doctor(ctx, conn) }
		step("doctor", replayAsApp(ctx, o.ScratchURL, o.Chains, examine))
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

// rehearse applies the chains to a scratch database and seeds new tables after every file.
func (o CheckOptions) rehearse(ctx context.Context, w *weakening) error {
	return withScratch(ctx, o.ScratchURL, func(s *scratch) error {
		seeds := &seeder{scratch: s, chains: o.Chains, done: make(map[uint32]bool)}
		return s.up(ctx, o.Chains, seeds.fill, w.observe)
	})
}

// drift compares the chains with the Ent schema.
func (o CheckOptions) drift(ctx context.Context) error {
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
