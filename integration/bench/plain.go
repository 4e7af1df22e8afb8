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
	"github.com/konstruct/konstruct/tenancy/rls"
)

// plain is Ent's own generated client and driver, over database/sql and pgx.
type plain struct {
	ent        *plainent.Client
	setsTenant bool // start transactions with set_config
}

func openPlain(tb testing.TB, dsn string) *plainent.Client {
	tb.Helper()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(tb, err)
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	tb.Cleanup(func() { _ = db.Close() })
	return plainent.NewClient(plainent.Driver(entsql.OpenDB(dialect.Postgres, db)))
}

func (p plain) list(ctx context.Context, j job) error {
	query := p.ent.Agent.Query().Where(agent.TenantID(j.tenant.UUID()))
	agents, err := query.Order(agent.ByID()).Limit(pageSize).All(ctx)
	return expect(pageSize, len(agents), err)
}

func (p plain) insert(ctx context.Context, j job) error {
	return p.ent.Agent.Create().SetTenantID(j.tenant.UUID()).SetName(j.name).Exec(ctx)
}

func (p plain) update(ctx context.Context, j job) error {
	return p.ent.Agent.UpdateOneID(j.agent).Where(agent.TenantID(j.tenant.UUID())).SetName(j.name).Exec(ctx)
}

func (p plain) bulk(ctx context.Context, j job) error {
	set := func(create *plainent.AgentCreate, _ int) { create.SetTenantID(j.tenant.UUID()).SetName(j.name) }
	return p.ent.Agent.MapCreateBulk(make([]struct{}, bulkSize), set).Exec(ctx)
}

func (p plain) inTx(ctx context.Context, j job, do []operation) error {
	tx, err := p.ent.Tx(ctx)
	if err != nil {
		return err
	}
	if p.setsTenant {
		_, err = tx.ExecContext(ctx, rls.SetTenant, j.tenant.String())
	}
	if err == nil {
		err = inOrder(ctx, plain{ent: tx.Client()}, j, do)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
