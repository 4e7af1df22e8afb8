package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func contexts() family {
	return family{
		name: "context", title: "Where the tenant comes from",
		scenarios: slices.Concat(unset(), settings(), clients()),
	}
}

func unset() []scenario {
	const set = "select set_config('" + rls.Setting + "', {victim}, true)"
	return []scenario{
		{
			id: "A25-never-set", does: "uses a connection on which no tenant has been set",
			required: "no row; writes refused, 42501", each: noRowsAfter(),
		},
		{
			id: "A26-set-before", does: "uses a connection whose last transaction had a tenant",
			required: "no row; writes refused, 42501", each: noRowsAfter("begin", set, "commit"),
		},
		{
			id: "A28-set-local", does: "sets the tenant with SET LOCAL outside of a transaction", required: "no row",
			each: noRowsAfter("set local " + rls.Setting + " = {victim}"),
		},
		{
			id: "A31-chain", does: "chains a transaction to one that had a tenant (COMMIT AND CHAIN)",
			required: "no row",
			each:     noRowsAfter("begin", set, "commit and chain"),
		},
		{
			id: "A30-savepoint", does: "rolls back to a savepoint from before the tenant was set", required: "no row",
			each: noRowsAfter("begin", "savepoint before", set, "rollback to before"),
		},
	}
}

// noRowsAfter requires that after these statements, a new login reads and writes no row.
func noRowsAfter(steps ...string) func(*harness, context.Context, *table) error {
	return func(h *harness, ctx context.Context, tb *table) error {
		return h.withLogin(ctx, func(raw *session) error {
			for _, step := range steps {
				if err := raw.do(ctx, h.spell(step, tb, h.attacker.id)).err; err != nil {
					return err
				}
			}
			return errors.Join(
				nothing().check(raw.do(ctx, "select * from "+tb.SQL)),
				nothing().check(raw.do(ctx, h.spell("delete from {table} where {key} = {id}", tb, h.attacker.id))),
				refused(denied).check(raw.do(ctx, h.spell(insert("{spare}"), tb, h.attacker.id))),
			)
		})
	}
}

func settings() []scenario {
	return []scenario{
		{
			id: "A37-preset", does: "presets a tenant in the connection string", required: "the driver refuses it",
			once: (*harness).preset,
		},
		{
			id:       "A38-spelling",
			does:     "spells the tenant's UUID differently, so that rows and Redis keys would disagree",
			required: "PostgreSQL selects the same tenant; tenancy.Parse accepts the canonical spelling only",
			once:     (*harness).spellings,
		},
	}
}

func clients() []scenario {
	return []scenario{
		{
			id: "A35-alternating", does: "alternates two tenants on one connection's prepared statements",
			required: "each tenant gets its own rows", each: (*harness).alternate,
		},
		{
			id: "A40-two-statements", does: "sends two statements in one text, through the driver",
			required: "refused, 42601", once: (*harness).twoStatements,
		},
		{
			id: "A43-concurrent", does: "runs both tenants concurrently on four connections",
			required: "each tenant gets its own rows", once: (*harness).crowd,
		},
		{
			id: "A44-no-tenant", does: "reads and writes through the driver without a tenant",
			required: "no row; writes refused, ErrNoTenant", each: (*harness).driverUnset,
		},
		{
			id: "A33-tenant-switch", does: "sets another tenant on a context that already has one",
			required: "ErrTenantSwitch", once: func(h *harness, ctx context.Context) error {
				ctx = tenancy.With(as(ctx, h.attacker.id), h.victim.id)
				return requireErr(query(ctx, h.driver, "select 1").err, tenancy.ErrTenantSwitch)
			},
		},
		{
			id:       "A45-recycled-context",
			does:     "uses a web framework's context that has been reused for the next request",
			required: "ErrRecycledContext",
			once: func(h *harness, ctx context.Context) error {
				reused := context.Context(recycled{tenancy.With(ctx, h.attacker.id)})
				again := tenancy.With(reused, h.victim.id)
				return errors.Join(
					requireErr(query(reused, h.driver, "select 1").err, //nolint:contextcheck // as above
						tenancy.ErrRecycledContext),
					requireErr(query(again, h.driver, "select 1").err, //nolint:contextcheck // as above
						tenancy.ErrRecycledContext),
				)
			},
		},
		{
			id: "A45-zero-tenant", does: "uses the zero tenant ID", required: "ErrInvalidID",
			once: func(h *harness, ctx context.Context) error {
				return requireErr(query(tenancy.With(ctx, tenancy.ID{}), h.driver, "select 1").err,
					tenancy.ErrInvalidID)
			},
		},
	}
}

// recycled returns values as a reused *gin.Context does.
type recycled struct {
	context.Context //nolint:containedctx // it is the context that is attacked
}

func (r recycled) Value(key any) any {
	if key == "_gin-gonic/gin/contextkey" {
		return r
	}
	return r.Context.Value(key)
}

func requireErr(err, due error) error {
	if errors.Is(err, due) {
		return nil
	}
	return fmt.Errorf("required: %w; got %w", due, orNone(err))
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

func (h *harness) withLogin(ctx context.Context, do func(*session) error) error {
	raw, err := login(ctx, h.kit.target.DSN)
	if err != nil {
		return err
	}
	defer raw.close(ctx)
	return do(raw)
}

func (h *harness) preset(ctx context.Context) error {
	for _, parameter := range []string{
		"options=-c%20" + rls.Setting + "%3D" + h.victim.id.String(), rls.Setting + "=" + h.victim.id.String(),
		"row_security=off", "role=postgres",
	} {
		if err := h.refusedToOpen(ctx, parameter); err != nil {
			return err
		}
	}
	return h.withLogin(ctx, func(raw *session) error {
		return nothing().check(raw.do(ctx,
			"select 1 where coalesce(current_setting('"+rls.Setting+"', true), '') <> ''"))
	})
}

// refusedToOpen requires the driver to refuse the connection string with this parameter.
func (h *harness) refusedToOpen(ctx context.Context, parameter string) error {
	dsn := h.kit.target.DSN
	if !strings.Contains(dsn, "://") {
		return notApplicable("the connection string is no URL")
	}
	joint := "?"
	if strings.Contains(dsn, "?") {
		joint = "&"
	}
	drv, err := pgtenant.Open(ctx, dsn+joint+parameter)
	if err == nil {
		_ = drv.Close()
	}
	if err := requireErr(err, pgtenant.ErrConfig); err != nil {
		name, _, _ := strings.Cut(parameter, "=")
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (h *harness) spellings(ctx context.Context) error {
	id, tb := h.attacker.id.String(), h.tables[0]
	for _, spelled := range []string{strings.ToUpper(id), "{" + id + "}", strings.ReplaceAll(id, "-", "")} {
		if _, err := tenancy.Parse(spelled); err == nil {
			return fmt.Errorf("tenancy.Parse takes %q", spelled)
		}
		set := "select set_config('" + rls.Setting + "', " + rls.Literal(spelled) + ", true)"
		a := h.raw.all(ctx, "begin", set, "select * from "+tb.SQL)
		if err := errors.Join(own().check(a), h.victim.leaks(a.text(), ""), h.raw.rollback(ctx)); err != nil {
			return err
		}
	}
	_, err := tenancy.Parse(id)
	return err
}

// ownRows requires that statements through the driver return each tenant's own rows, and none without a tenant.
func (h *harness) ownRows(ctx context.Context, drv *pgtenant.Driver, tb *table) error {
	for _, c := range []struct {
		says string
		id   tenancy.ID
		rows int
	}{
		{"another tenant", h.attacker.id, attackerRows},
		{"the owner", h.victim.id, victimRows},
		{"no tenant", tenancy.ID{}, 0},
	} {
		a := query(as(ctx, c.id), drv, "select * from "+tb.SQL)
		if a.err == nil && c.id != h.victim.id {
			a.err = h.victim.leaks(a.text(), "")
		}
		if a.err != nil {
			return fmt.Errorf("%s: %w", c.says, a.err)
		}
		if len(a.rows) < c.rows || c.rows == 0 && len(a.rows) > 0 {
			return fmt.Errorf("%s reads %d rows instead of %d", c.says, len(a.rows), c.rows)
		}
	}
	return nil
}

// withOneConn opens a driver as the product does, with a single connection that every statement reuses.
func (h *harness) withOneConn(ctx context.Context, do func(*pgtenant.Driver) error) error {
	drv, err := h.kit.open(ctx, pgtenant.WithMaxConns(1))
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	return do(drv)
}

func (h *harness) alternate(ctx context.Context, tb *table) error {
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for range 10 { // PostgreSQL considers a generic plan from the sixth on
			if err := h.ownRows(ctx, drv, tb); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *harness) twoStatements(ctx context.Context) error {
	for _, text := range []string{
		"select 1; " + setTenant(h.victim.id, false),
		"select 1; delete from " + h.tables[0].SQL,
		setTenant(h.victim.id, true) + "; select * from " + h.tables[0].SQL,
	} {
		for _, id := range []tenancy.ID{h.attacker.id, {}} {
			err := h.driver.Exec(as(ctx, id), text, []any{}, nil)
			if err := refused(syntax).check(answer{err: err}); err != nil {
				return err
			}
		}
	}
	return h.ownRows(ctx, h.driver, h.tables[0])
}

func (h *harness) crowd(ctx context.Context) error {
	const goroutines, rounds = 16, 10
	var group sync.WaitGroup
	failed := make(chan error, goroutines)
	for range goroutines {
		group.Go(func() {
			for range rounds {
				if err := h.ownRows(ctx, h.driver, h.tables[0]); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failed)
	return <-failed
}

func (h *harness) driverUnset(ctx context.Context, tb *table) error {
	return errors.Join(
		nothing().check(query(ctx, h.driver, "select * from "+tb.SQL)),
		nothing().check(query(ctx, h.driver, h.spell("delete from {table} where {key} = {id}", tb, h.attacker.id))),
		requireErr(query(ctx, h.driver, h.spell(insert("{spare}"), tb, h.attacker.id)).err, tenancy.ErrNoTenant),
	)
}
