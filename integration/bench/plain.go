package bench

import (
	"context"
	"errors"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/plainent"
	"github.com/konstruct/konstruct/integration/plainent/agent"
)

// plain is Ent without anything of Konstruct's: the client that Ent's own generator writes, on Ent's own driver, over
// database/sql and pgx.
type plain struct{ client *plainent.Client }

func openPlain(tb testing.TB, dsn string) plain {
	tb.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(tb, err)
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	tb.Cleanup(func() { _ = db.Close() })
	return plain{plainent.NewClient(plainent.Driver(entsql.OpenDB(dialect.Postgres, db)))}
}

func (p plain) list(ctx context.Context, j job) error {
	query := p.client.Agent.Query().Where(agent.TenantID(j.tenant.UUID()))
	agents, err := query.Order(agent.ByID()).Limit(pageSize).All(ctx)
	return expect(pageSize, len(agents), err)
}

func (p plain) insert(ctx context.Context, j job) error { return p.create(j).Exec(ctx) }

func (p plain) update(ctx context.Context, j job) error {
	return p.client.Agent.UpdateOneID(j.agent).Where(agent.TenantID(j.tenant.UUID())).SetName(j.name).Exec(ctx)
}

func (p plain) unit(ctx context.Context, j job) error {
	return p.inTx(ctx, func(tx *plainent.Tx) error { return listInsertUpdate(ctx, plain{tx.Client()}, j) })
}

func (p plain) bulk(ctx context.Context, j job) error {
	agents := make([]*plainent.AgentCreate, bulkSize)
	for i := range agents {
		agents[i] = p.create(j)
	}
	return p.client.Agent.CreateBulk(agents...).Exec(ctx)
}

func (p plain) create(j job) *plainent.AgentCreate {
	return p.client.Agent.Create().SetTenantID(j.tenant.UUID()).SetName(j.name)
}

func (p plain) inTx(ctx context.Context, do func(*plainent.Tx) error) error {
	tx, err := p.client.Tx(ctx)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// naive does what plain does, in a transaction that begins with setting the tenant: row-level security without a driver
// for it.
type naive struct{ plain }

func (n naive) list(ctx context.Context, j job) error   { return n.setTenant(ctx, j, plain.list) }
func (n naive) insert(ctx context.Context, j job) error { return n.setTenant(ctx, j, plain.insert) }
func (n naive) update(ctx context.Context, j job) error { return n.setTenant(ctx, j, plain.update) }
func (n naive) bulk(ctx context.Context, j job) error   { return n.setTenant(ctx, j, plain.bulk) }

func (n naive) unit(ctx context.Context, j job) error {
	return n.setTenant(ctx, j, func(p plain, ctx context.Context, j job) error { return listInsertUpdate(ctx, p, j) })
}

func (n naive) setTenant(ctx context.Context, j job, do func(plain, context.Context, job) error) error {
	return n.inTx(ctx, func(tx *plainent.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT set_config('app.current_tenant', $1, true)", j.tenant.String())
		if err != nil {
			return err
		}
		return do(plain{tx.Client()}, ctx, j)
	})
}
