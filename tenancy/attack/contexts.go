package attack

import (
	"context"
	"strings"
	"sync"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func contexts() family {
	return family{
		name: "context", title: "Where the tenant comes from", scenarios: append(unset(), clients()...),
	}
}

func unset() []scenario {
	const (
		set      = "select set_config('" + rls.Setting + "', {victim}, true)"
		noAccess = "no row; writes refused, 42501"
	)
	return []scenario{
		each("A25-never-set", "uses a connection on which no tenant has been set", noAccess, noRowsAfter()),
		each("A26-set-before", "uses a connection whose last transaction had a tenant", noAccess,
			noRowsAfter("begin", set, "commit")),
		each("A28-set-local", "sets the tenant with SET LOCAL outside of a transaction", "no row",
			noRowsAfter("set local "+rls.Setting+" = {victim}")),
		each("A31-chain", "chains a transaction to one that had a tenant (COMMIT AND CHAIN)", "no row",
			noRowsAfter("begin", set, "commit and chain")),
		each("A30-savepoint", "rolls back to a savepoint from before the tenant was set", "no row",
			noRowsAfter("begin", "savepoint before", set, "rollback to before")),
	}
}

// noRowsAfter requires that after these statements, a new login reads and writes no row.
func noRowsAfter(steps ...string) func(*attempt) {
	return func(a *attempt) {
		raw := a.login(a.kit.target.DSN)
		a.must(a.do(raw, steps...).err)
		a.require(nothing(), a.do(raw, "select * from {table}"))
		if !a.tb.AppendOnly {
			a.require(nothing(), a.do(raw, "delete from {table} where {key} = {id}"))
		}
		a.require(refused(denied), a.do(raw, insert("{spare}")))
	}
}

func clients() []scenario {
	return []scenario{
		once("A37-preset", "presets a tenant in the connection string", "the driver refuses it", preset),
		once("A38-spelling", "spells the tenant's UUID differently, so that rows and Redis keys would disagree",
			"PostgreSQL selects the same tenant; tenancy.Parse accepts the canonical spelling only", spellings),
		each("A35-alternating", "alternates two tenants on one connection's prepared statements",
			"each tenant gets its own rows", alternate),
		once("A40-two-statements", "sends two statements in one text, through the driver", "refused, 42601",
			twoStatements),
		once("A43-concurrent", "runs both tenants concurrently on four connections", "each tenant gets its own rows",
			crowd),
		each("A44-no-tenant", "reads and writes through the driver without a tenant",
			"no row; writes refused, ErrNoTenant", driverUnset),
		once("A33-tenant-switch", "sets another tenant on a context that already has one", "ErrTenantSwitch",
			func(a *attempt) {
				a.sendsNothing(tenancy.With(a.mine, a.victim.id), a.driver, tenancy.ErrTenantSwitch)
			}),
		once("A45-recycled-context", "uses a web framework's context that has been reused for the next request",
			"ErrRecycledContext", func(a *attempt) {
				reused := recycled{a.mine}
				a.sendsNothing(reused, a.driver, tenancy.ErrRecycledContext)
				a.sendsNothing(tenancy.With(reused, a.victim.id), a.driver, tenancy.ErrRecycledContext)
			}),
		once("A45-zero-tenant", "uses the zero tenant ID", "ErrInvalidID", func(a *attempt) {
			a.sendsNothing(tenancy.With(a.ctx, tenancy.ID{}), a.driver, tenancy.ErrInvalidID)
		}),
	}
}

func (a *attempt) sendsNothing(ctx context.Context, q dialect.ExecQuerier, want error) {
	a.requireErr(query(ctx, q, "select 1").err, want)
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

func preset(a *attempt) {
	for _, parameter := range []string{
		"options=-c%20" + rls.Setting + "%3D" + a.victim.id.String(), rls.Setting + "=" + a.victim.id.String(),
		"row_security=off", "role=postgres",
	} {
		a.refusedToOpen(parameter)
	}
	raw := a.login(a.kit.target.DSN)
	a.require(nothing(), a.do(raw, "select 1 where coalesce(current_setting('"+rls.Setting+"', true), '') <> ''"))
}

// refusedToOpen requires the driver to refuse the connection string with this parameter.
func (a *attempt) refusedToOpen(parameter string) {
	dsn := a.kit.target.DSN
	if !strings.Contains(dsn, "://") {
		a.notApplicable("the connection string is no URL")
		return
	}
	joint := "?"
	if strings.Contains(dsn, "?") {
		joint = "&"
	}
	drv, err := pgtenant.Open(a.ctx, dsn+joint+parameter)
	if err == nil {
		_ = drv.Close()
	}
	name, _, _ := strings.Cut(parameter, "=")
	a.stepf("%s", name)
	a.requireErr(err, pgtenant.ErrConfig)
}

func spellings(a *attempt) {
	id := a.attacker.id.String()
	for _, spelled := range []string{strings.ToUpper(id), "{" + id + "}", strings.ReplaceAll(id, "-", "")} {
		if _, err := tenancy.Parse(spelled); err == nil {
			a.failf("tenancy.Parse takes %q", spelled)
		}
		set := "select set_config('" + rls.Setting + "', " + rls.Literal(spelled) + ", true)"
		a.require(own(), a.run(a.ctx, a.raw, set, "select * from {table}"))
	}
	_, err := tenancy.Parse(id)
	a.must(err)
}

func alternate(a *attempt) {
	drv := a.open()
	for range 10 { // PostgreSQL considers a generic plan from the sixth on
		a.ownRows(drv)
	}
}

func twoStatements(a *attempt) {
	for _, text := range []string{
		"select 1; " + setTenant(a.victim.id, false),
		"select 1; delete from {table}",
		setTenant(a.victim.id, true) + "; select * from {table}",
	} {
		for _, c := range a.others() {
			a.require(refused(syntax), answer{err: a.exec(c.ctx, a.driver, text)})
		}
	}
	a.ownRows(a.driver)
}

func crowd(a *attempt) {
	const goroutines, rounds = 16, 10
	var group sync.WaitGroup
	failed := make(chan error, goroutines*rounds)
	for range goroutines {
		group.Go(func() {
			for range rounds {
				failed <- a.readsOwn(a.driver)
			}
		})
	}
	group.Wait()
	close(failed)
	for err := range failed {
		a.must(err)
	}
}

func driverUnset(a *attempt) {
	a.require(nothing(), a.query(a.ctx, a.driver, "select * from {table}"))
	if !a.tb.AppendOnly {
		a.require(nothing(), a.query(a.ctx, a.driver, "delete from {table} where {key} = {id}"))
	}
	a.requireErr(a.query(a.ctx, a.driver, insert("{spare}")).err, tenancy.ErrNoTenant)
}
