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

// operation is one thing that a visitor does for a tenant. It returns nil when it went as it had to, which for some
// means that the database refused.
type operation struct {
	name string
	do   func(v *visitor, ctx context.Context, id tenancy.ID) error
}

// operations is every operation, with equal chances.
//
//nolint:gochecknoglobals // a table of methods, which Go cannot make constant
var operations = []operation{
	{"list", (*visitor).list},
	{"list by raw SQL", (*visitor).listRaw},
	{"list connections", (*visitor).listConnections},
	{"count", (*visitor).count},
	{"list without a tenant", (*visitor).listNothing},
	{"create", (*visitor).create},
	{"update", (*visitor).update},
	{"delete", (*visitor).remove},
	{"commit", (*visitor).commit},
	{"roll back", (*visitor).rollBack},
	{"panic", (*visitor).panics},
	{"fail in a transaction", (*visitor).fails},
	{"server's time-out", (*visitor).timesOut},
	{"steal", (*visitor).steal},
	{"plant", (*visitor).plant},
	{"poison the connection", (*visitor).poison},
	{"leave a transaction open", (*visitor).leaveOpen},
	{"sleep", (*visitor).sleep},
}

// --- Reading

func (v *visitor) list(ctx context.Context, id tenancy.ID) error {
	agents, err := v.client.Agent.Query().All(tenancy.With(ctx, id))
	return v.holdAgents(id, agents, err)
}

// holdAgents wants the tenant's own rows, all of its seeds among them.
func (v *visitor) holdAgents(id tenancy.ID, agents []*ent.Agent, err error) error {
	hold(v, agents, func(a *ent.Agent) bool { return a.TenantID == id.UUID() && a.Persona == canary(id) })
	if err == nil && len(agents) < seedsPerTenant {
		return errNotAll
	}
	return err
}

// listRaw has no mixin before it: PostgreSQL alone says which rows there are.
func (v *visitor) listRaw(ctx context.Context, id tenancy.ID) error {
	personas, err := v.personas(tenancy.With(ctx, id))
	hold(v, personas, func(found string) bool { return found == canary(id) })
	if err == nil && len(personas) < seedsPerTenant {
		return errNotAll
	}
	return err
}

func (v *visitor) personas(ctx context.Context) ([]string, error) {
	return pgtenant.Collect(pgtenant.Query(ctx, v.driver, "select persona from agents"), pgtenant.RowTo[string])
}

func (v *visitor) listConnections(ctx context.Context, id tenancy.ID) error {
	connections, err := v.client.ChannelConnection.Query().All(tenancy.With(ctx, id))
	hold(v, connections, func(c *ent.ChannelConnection) bool {
		return c.TenantID == id.UUID() && strings.HasPrefix(c.WorkspaceID, canary(id))
	})
	return err
}

func (v *visitor) count(ctx context.Context, id tenancy.ID) error {
	n, err := v.client.Agent.Query().Where(agent.NameHasPrefix("seed ")).Count(tenancy.With(ctx, id))
	if err == nil && n != seedsPerTenant {
		return errNotAll
	}
	return err
}

// listNothing counts each row that shows as a wrong one.
func (v *visitor) listNothing(ctx context.Context, _ tenancy.ID) error {
	personas, err := v.personas(ctx)
	hold(v, personas, func(string) bool { return false })
	return err
}

// --- Writing

func (v *visitor) create(ctx context.Context, id tenancy.ID) error {
	r := row{name: uuid.NewString(), tenant: id}
	v.ledger.note(r.name, id, unknown)
	if err := newAgent(v.client, r).Exec(tenancy.With(ctx, id)); err != nil {
		return err
	}
	v.keep(r)
	return nil
}

func newAgent(c *ent.Client, r row) *ent.AgentCreate {
	return c.Agent.Create().SetName(r.name).SetPersona(canary(r.tenant))
}

func (v *visitor) keep(r row) {
	v.ledger.note(r.name, r.tenant, present)
	v.mine = append(v.mine, r)
}

// update changes a row of this visitor's. A row that was acknowledged can be found again.
func (v *visitor) update(ctx context.Context, _ tenancy.ID) error {
	if len(v.mine) == 0 {
		return nil
	}
	r := v.mine[v.random.IntN(len(v.mine))]
	n, err := v.client.Agent.Update().Where(agent.Name(r.name)).SetRole("changed").Save(tenancy.With(ctx, r.tenant))
	if err == nil && n != 1 {
		return fmt.Errorf("%w: %d rows updated", errNotAll, n)
	}
	return err
}

func (v *visitor) remove(ctx context.Context, _ tenancy.ID) error {
	if len(v.mine) == 0 {
		return nil
	}
	last := len(v.mine) - 1
	r := v.mine[last]
	v.mine = v.mine[:last]
	v.ledger.note(r.name, r.tenant, unknown)
	n, err := v.client.Agent.Delete().Where(agent.Name(r.name)).Exec(tenancy.With(ctx, r.tenant))
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("%w: %d rows deleted", errNotAll, n)
	}
	v.ledger.note(r.name, r.tenant, absent)
	return nil
}

// --- Transactions

// begun runs fn in a transaction that has written a row of the name r.
func (v *visitor) begun(ctx context.Context, r row, fn func(context.Context, *ent.Tx) error) error {
	return pgtenant.InTx(tenancy.With(ctx, r.tenant), v.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		if err := newAgent(tx.Client(), r).Exec(ctx); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func (v *visitor) commit(ctx context.Context, id tenancy.ID) error {
	r := row{name: uuid.NewString(), tenant: id}
	v.ledger.note(r.name, id, unknown)
	err := v.begun(ctx, r, func(ctx context.Context, tx *ent.Tx) error {
		agents, err := tx.Agent.Query().All(ctx)
		return v.holdAgents(id, agents, err)
	})
	if err == nil {
		v.keep(r)
	}
	return err
}

func (v *visitor) rollBack(ctx context.Context, id tenancy.ID) error {
	r := row{name: uuid.NewString(), tenant: id}
	v.ledger.note(r.name, id, absent)
	err := v.begun(ctx, r, func(context.Context, *ent.Tx) error { return errBoom })
	if errors.Is(err, errBoom) {
		return nil
	}
	return err
}

func (v *visitor) panics(ctx context.Context, id tenancy.ID) error {
	r := row{name: uuid.NewString(), tenant: id}
	v.ledger.note(r.name, id, absent)
	return v.begun(ctx, r, func(context.Context, *ent.Tx) error { panic(errBoom) })
}

// fails drops a statement's error. The commit must not go through all the same.
func (v *visitor) fails(ctx context.Context, id tenancy.ID) error {
	return v.refused(ctx, id, "22012", "select 1 / (select 0)")
}

// timesOut has the server end a statement, which must not read as if the context had.
func (v *visitor) timesOut(ctx context.Context, id tenancy.ID) error {
	return v.refused(ctx, id, codeQueryCanceled, "select set_config('statement_timeout', '5ms', true)", "select pg_sleep(5)")
}

// refused runs statements of which the last has to fail with the code, and then commits.
func (v *visitor) refused(ctx context.Context, id tenancy.ID, code string, statements ...string) error {
	r := row{name: uuid.NewString(), tenant: id}
	v.ledger.note(r.name, id, absent)
	ctx = tenancy.With(ctx, id)
	tx, err := v.driver.Tx(ctx)
	if err != nil {
		return err
	}
	_, err = pgtenant.Exec(ctx, tx, "insert into agents (id, name, persona) values (gen_random_uuid(), $1, $2)", r.name, canary(id))
	for _, statement := range statements {
		if err == nil {
			err = tx.Exec(ctx, statement, []any{}, nil)
		}
	}
	if err == nil {
		return errors.Join(errUnharmed, tx.Rollback())
	}
	if commit := tx.Commit(); commit == nil {
		return fmt.Errorf("%w: the commit", errUnharmed)
	}
	return want(err, code)
}

// --- Attacking

func (v *visitor) steal(ctx context.Context, id tenancy.ID) error {
	n, err := pgtenant.Exec(tenancy.With(ctx, id), v.driver,
		"update agents set persona = 'stolen' where tenant_id = $1", v.other(id).String())
	if err == nil && n != 0 {
		return fmt.Errorf("%w: %d foreign rows updated", errUnharmed, n)
	}
	return err
}

func (v *visitor) plant(ctx context.Context, id tenancy.ID) error {
	_, err := pgtenant.Exec(tenancy.With(ctx, id), v.driver,
		"insert into agents (id, tenant_id, name, persona) values (gen_random_uuid(), $1, 'planted', $2)", v.other(id).String(), canary(id))
	if err == nil {
		return errUnharmed
	}
	return want(err, "42501")
}

// poison gives the connection another tenant for as long as the session lasts, or so it would.
func (v *visitor) poison(ctx context.Context, id tenancy.ID) error {
	_, err := pgtenant.Exec(tenancy.With(ctx, id), v.driver, "select set_config('app.current_tenant', $1, false)", v.other(id).String())
	return err
}

func (v *visitor) leaveOpen(ctx context.Context, id tenancy.ID) error {
	_, err := pgtenant.Exec(tenancy.With(ctx, id), v.driver, "begin")
	if err == nil {
		return errUnharmed
	}
	if errors.Is(err, pgtenant.ErrTxLeftOpen) {
		return nil
	}
	return err
}

func (v *visitor) sleep(ctx context.Context, id tenancy.ID) error {
	_, err := pgtenant.Exec(tenancy.With(ctx, id), v.driver, "select pg_sleep(0.01)")
	return err
}

// want takes a refusal with the code for what had to be.
func want(err error, code string) error {
	var db *pgconn.PgError
	if errors.As(err, &db) && db.Code == code {
		return nil
	}
	return err
}
