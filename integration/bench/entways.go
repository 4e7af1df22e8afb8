package main

import (
	"context"
	"errors"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// scope runs do with a client that reaches the tenant of ctx.
type scope func(ctx context.Context, do func(context.Context, *ent.Client) error) error

// entWay is the generated client over any driver. once is for one operation, together for several in a transaction.
type entWay struct {
	once, together scope
	end            func() error
}

// openPlain is Ent as one uses it without tenants.
func openPlain(dsn string) (*entWay, error) {
	driver, err := databaseSQL(dsn)
	if err != nil {
		return nil, err
	}
	client := ent.NewClient(ent.Driver(driver))
	return &entWay{
		once: func(ctx context.Context, do func(context.Context, *ent.Client) error) error { return do(ctx, client) },
		together: func(ctx context.Context, do func(context.Context, *ent.Client) error) error {
			tx, err := client.Tx(ctx)
			if err != nil {
				return err
			}
			if err := do(ctx, tx.Client()); err != nil {
				return errors.Join(err, tx.Rollback())
			}
			return tx.Commit()
		},
		end: client.Close,
	}, nil
}

// openNaive opens a transaction for whatever is done, and sets the tenant in it.
func openNaive(dsn string) (*entWay, error) {
	driver, err := databaseSQL(dsn)
	if err != nil {
		return nil, err
	}
	inTx := func(ctx context.Context, do func(context.Context, *ent.Client) error) error {
		tx, err := driver.Tx(ctx)
		if err != nil {
			return err
		}
		err = naive(ctx, tx, do)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}
	return &entWay{once: inTx, together: inTx, end: driver.Close}, nil
}

func naive(ctx context.Context, tx dialect.Tx, do func(context.Context, *ent.Client) error) error {
	id, err := tenancy.From(ctx)
	if err != nil {
		return err
	}
	args := []any{pgtenant.Setting, id.String()}
	if err := tx.Exec(ctx, "SELECT set_config($1, $2, true)", args, nil); err != nil {
		return err
	}
	return do(ctx, ent.NewClient(ent.Driver(joined{tx})))
}

// joined is a driver whose transactions are all the one that is open.
type joined struct{ dialect.ExecQuerier }

func (j joined) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(j), nil }
func (joined) Dialect() string                          { return dialect.Postgres }
func (joined) Close() error                             { return nil }

// openOurs is the product's own way.
func openOurs(ctx context.Context, dsn string) (*entWay, error) {
	driver, err := pgtenant.Open(ctx, dsn, pgtenant.WithMaxConns(connections))
	if err != nil {
		return nil, err
	}
	client := ent.NewClient(ent.Driver(driver))
	return &entWay{
		once: func(ctx context.Context, do func(context.Context, *ent.Client) error) error { return do(ctx, client) },
		together: func(ctx context.Context, do func(context.Context, *ent.Client) error) error {
			return pgtenant.InTx(ctx, client.Tx, func(ctx context.Context, tx *ent.Tx) error {
				return do(ctx, tx.Client())
			})
		},
		end: driver.Close,
	}, nil
}

// databaseSQL is Ent's own driver, over pgx.
func databaseSQL(dsn string) (*entsql.Driver, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("database/sql: %w", err)
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return entsql.OpenDB(dialect.Postgres, db), nil
}

func (w *entWay) close() { _ = w.end() }

func (w *entWay) list(ctx context.Context, tenant tenancy.ID) error {
	return w.once(tenancy.With(ctx, tenant), entList)
}

func (w *entWay) insert(ctx context.Context, tenant tenancy.ID, name string) error {
	return w.once(tenancy.With(ctx, tenant), func(ctx context.Context, client *ent.Client) error {
		return client.Agent.Create().SetName(name).Exec(ctx)
	})
}

func (w *entWay) update(ctx context.Context, tenant tenancy.ID, id uuid.UUID, name string) error {
	return w.once(tenancy.With(ctx, tenant), func(ctx context.Context, client *ent.Client) error {
		return client.Agent.UpdateOneID(id).SetName(name).Exec(ctx)
	})
}

func (w *entWay) unit(ctx context.Context, tenant tenancy.ID, id uuid.UUID, name string) error {
	return w.together(tenancy.With(ctx, tenant), func(ctx context.Context, client *ent.Client) error {
		if err := entList(ctx, client); err != nil {
			return err
		}
		if err := client.Agent.Create().SetName(name).Exec(ctx); err != nil {
			return err
		}
		n, err := client.Agent.Update().Where(agent.ID(id)).SetName(name).Save(ctx)
		if err == nil && n != 1 {
			err = wrongCount("update", n, 1)
		}
		return err
	})
}

func entList(ctx context.Context, client *ent.Client) error {
	agents, err := client.Agent.Query().Order(agent.ByID()).Limit(pageSize).All(ctx)
	return listed(len(agents), err)
}
