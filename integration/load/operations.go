package load

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// operation is run for a tenant. It returns nil on the expected result, which may be the database's refusal.
type operation struct {
	name string
	do   func(w *worker, ctx context.Context, id tenancy.ID) error
}

// operations are chosen with equal probability.
//
//nolint:gochecknoglobals // a table of methods, which Go cannot make constant
var operations = []operation{
	{"list", (*worker).list},
	{"list by raw SQL", (*worker).listRaw},
	{"list connections", (*worker).listConnections},
	{"count", (*worker).count},
	{"list without a tenant", (*worker).listNothing},
	{"create", (*worker).create},
	{"update", (*worker).update},
	{"delete", (*worker).remove},
	{"commit", (*worker).commit},
	{"roll back", (*worker).rollBack},
	{"panic", (*worker).panics},
	{"fail in a transaction", (*worker).fails},
	{"statement timeout", (*worker).timesOut},
	{"steal", (*worker).steal},
	{"plant", (*worker).plant},
	{"poison the connection", (*worker).poison},
	{"leave a transaction open", (*worker).leaveOpen},
	{"sleep", (*worker).sleep},
}

// --- Reading

func (w *worker) list(ctx context.Context, id tenancy.ID) error {
	agents, err := w.client.Agent.Query().All(tenancy.With(ctx, id))
	return w.checkAgents(id, agents, err)
}

// checkAgents requires the tenant's own rows, including all seeds.
func (w *worker) checkAgents(id tenancy.ID, agents []*ent.Agent, err error) error {
	checkRows(w, agents, func(a *ent.Agent) bool { return a.TenantID == id.UUID() && a.Persona == canary(id) })
	if err == nil && len(agents) < seedsPerTenant {
		return errMissingRows
	}
	return err
}

// listRaw bypasses the mixin, so only RLS filters.
func (w *worker) listRaw(ctx context.Context, id tenancy.ID) error {
	personas, err := w.personas(tenancy.With(ctx, id))
	checkRows(w, personas, func(found string) bool { return found == canary(id) })
	if err == nil && len(personas) < seedsPerTenant {
		return errMissingRows
	}
	return err
}

func (w *worker) personas(ctx context.Context) ([]string, error) {
	return pgtenant.Collect(pgtenant.Query(ctx, w.driver, "select persona from agents"), pgtenant.RowTo[string])
}

func (w *worker) listConnections(ctx context.Context, id tenancy.ID) error {
	connections, err := w.client.ChannelConnection.Query().All(tenancy.With(ctx, id))
	checkRows(w, connections, func(c *ent.ChannelConnection) bool {
		return c.TenantID == id.UUID() && strings.HasPrefix(c.WorkspaceID, canary(id))
	})
	return err
}

func (w *worker) count(ctx context.Context, id tenancy.ID) error {
	n, err := w.client.Agent.Query().Where(agent.NameHasPrefix("seed ")).Count(tenancy.With(ctx, id))
	if err == nil && n != seedsPerTenant {
		return errMissingRows
	}
	return err
}

// listNothing must see no row.
func (w *worker) listNothing(ctx context.Context, _ tenancy.ID) error {
	personas, err := w.personas(ctx)
	checkRows(w, personas, func(string) bool { return false })
	return err
}

// --- Writing

func (w *worker) create(ctx context.Context, id tenancy.ID) error {
	r := w.newRow(id, unknown)
	if err := newAgent(w.client, r).Exec(tenancy.With(ctx, id)); err != nil {
		return err
	}
	w.keep(r)
	return nil
}

// newRow notes a row that is about to be written.
func (w *worker) newRow(id tenancy.ID, o outcome) row {
	r := row{name: uuid.NewString(), tenant: id}
	w.ledger.note(r.name, id, o)
	return r
}

func newAgent(c *ent.Client, r row) *ent.AgentCreate {
	return c.Agent.Create().SetName(r.name).SetPersona(canary(r.tenant))
}

func (w *worker) keep(r row) {
	w.ledger.note(r.name, r.tenant, present)
	w.written = append(w.written, r)
}

// update changes a row that this worker wrote and that must exist.
func (w *worker) update(ctx context.Context, _ tenancy.ID) error {
	if len(w.written) == 0 {
		return nil
	}
	r := w.written[w.random.IntN(len(w.written))]
	n, err := w.client.Agent.Update().Where(agent.Name(r.name)).SetRole("changed").Save(tenancy.With(ctx, r.tenant))
	if err == nil && n != 1 {
		return fmt.Errorf("%w: %d rows updated", errMissingRows, n)
	}
	return err
}

func (w *worker) remove(ctx context.Context, _ tenancy.ID) error {
	if len(w.written) == 0 {
		return nil
	}
	last := len(w.written) - 1
	r := w.written[last]
	w.written = w.written[:last]
	w.ledger.note(r.name, r.tenant, unknown)
	n, err := w.client.Agent.Delete().Where(agent.Name(r.name)).Exec(tenancy.With(ctx, r.tenant))
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("%w: %d rows deleted", errMissingRows, n)
	}
	w.ledger.note(r.name, r.tenant, absent)
	return nil
}

// --- Transactions

// inTx runs fn in a transaction that has written r.
func (w *worker) inTx(ctx context.Context, r row, fn func(context.Context, *ent.Tx) error) error {
	return pgtenant.InTx(tenancy.With(ctx, r.tenant), w.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		if err := newAgent(tx.Client(), r).Exec(ctx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func (w *worker) commit(ctx context.Context, id tenancy.ID) error {
	r := w.newRow(id, unknown)
	err := w.inTx(ctx, r, func(ctx context.Context, tx *ent.Tx) error {
		agents, err := tx.Agent.Query().All(ctx)
		return w.checkAgents(id, agents, err)
	})
	if err == nil {
		w.keep(r)
	}
	return err
}

func (w *worker) rollBack(ctx context.Context, id tenancy.ID) error {
	r := w.newRow(id, absent)
	err := w.inTx(ctx, r, func(context.Context, *ent.Tx) error { return errBoom })
	if errors.Is(err, errBoom) {
		return nil
	}
	return err
}

func (w *worker) panics(ctx context.Context, id tenancy.ID) error {
	r := w.newRow(id, absent)
	return w.inTx(ctx, r, func(context.Context, *ent.Tx) error { panic(errBoom) })
}

// fails commits despite a failed statement.
func (w *worker) fails(ctx context.Context, id tenancy.ID) error {
	return w.commitFailed(ctx, id, "22012", "select 1 / (select 0)")
}

// timesOut has the server time out a statement, which must not look like a canceled context.
func (w *worker) timesOut(ctx context.Context, id tenancy.ID) error {
	return w.commitFailed(ctx, id, codeQueryCanceled, "select set_config('statement_timeout', '5ms', true)",
		"select pg_sleep(5)")
}

// commitFailed runs statements, the last of which must fail with code. The commit must then fail, too.
func (w *worker) commitFailed(ctx context.Context, id tenancy.ID, code string, statements ...string) error {
	r := w.newRow(id, absent)
	ctx = tenancy.With(ctx, id)
	tx, err := w.driver.Tx(ctx)
	if err != nil {
		return err
	}
	_, err = pgtenant.Exec(ctx, tx, "insert into agents (id, name, persona) values (gen_random_uuid(), $1, $2)", r.name,
		canary(id))
	for _, statement := range statements {
		if err == nil {
			err = tx.Exec(ctx, statement, []any{}, nil)
		}
	}
	if err == nil {
		return errors.Join(errNoError, tx.Rollback())
	}
	if commit := tx.Commit(); commit == nil {
		return fmt.Errorf("%w: the commit", errNoError)
	}
	return expect(err, code)
}

func (w *worker) exec(ctx context.Context, id tenancy.ID, statement string, args ...any) (int64, error) {
	return pgtenant.Exec(tenancy.With(ctx, id), w.driver, statement, args...)
}

// --- Attacking

func (w *worker) steal(ctx context.Context, id tenancy.ID) error {
	n, err := w.exec(ctx, id, "update agents set persona = 'stolen' where tenant_id = $1", w.other(id).String())
	if err == nil && n != 0 {
		return fmt.Errorf("%w: %d foreign rows updated", errNoError, n)
	}
	return err
}

func (w *worker) plant(ctx context.Context, id tenancy.ID) error {
	_, err := w.exec(ctx, id,
		"insert into agents (id, tenant_id, name, persona) values (gen_random_uuid(), $1, 'planted', $2)",
		w.other(id).String(), canary(id))
	if err == nil {
		return errNoError
	}
	return expect(err, "42501")
}

// poison tries to set another tenant for the session.
func (w *worker) poison(ctx context.Context, id tenancy.ID) error {
	_, err := w.exec(ctx, id, "select set_config('app.current_tenant', $1, false)",
		w.other(id).String())
	return err
}

func (w *worker) leaveOpen(ctx context.Context, id tenancy.ID) error {
	_, err := w.exec(ctx, id, "begin")
	if err == nil {
		return errNoError
	}
	if errors.Is(err, pgtenant.ErrTxLeftOpen) {
		return nil
	}
	return err
}

func (w *worker) sleep(ctx context.Context, id tenancy.ID) error {
	_, err := w.exec(ctx, id, "select pg_sleep(0.01)")
	return err
}

func expect(err error, code string) error {
	if db, ok := errors.AsType[*pgconn.PgError](err); ok && db.Code == code {
		return nil
	}
	return err
}
