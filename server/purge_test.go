package server_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/server/operation"
)

func (b *testBundle) purger(t *testing.T, batch int) *operation.Purger {
	t.Helper()
	tables, err := operation.TenantTables()
	require.NoError(t, err)
	db := b.driver.Joining()
	return &operation.Purger{
		DB: db, Client: ent.NewClient(ent.Driver(db)), Audit: audit.NewLog(db, b.clock), Clock: b.clock, Tables: tables,
		Batch: batch,
	}
}

// populate adds rows to each table of the tenant, and returns their number by table.
func (b *testBundle) populate(t *testing.T, tenant string) map[string]int64 {
	t.Helper()
	for n := range 3 {
		b.createAgent(t, tenant)
		b.connect(t, tenant, "T"+strconv.Itoa(n)+idText(tenant)[24:])
	}
	b.exec(t, `INSERT INTO memberships (id, tenant_id, user_id, role) SELECT gen_random_uuid(), $1, id, 'owner' FROM portal_users`, idText(tenant))
	b.exec(t, `INSERT INTO invitations (id, tenant_id, email, role, invited_by, expires_at)
		SELECT gen_random_uuid(), $1, n || '@example.com', 'viewer', gen_random_uuid(), now() FROM generate_series(1, 5) n`, idText(tenant))
	b.exec(t, `INSERT INTO idempotency_keys (id, tenant_id, scope, request_hash)
		SELECT gen_random_uuid(), $1, encode(sha256(n::text::bytea), 'hex'), repeat('a', 64) FROM generate_series(1, 4) n`, idText(tenant))
	return b.rows(t, tenant)
}

// rows counts the rows of a tenant in each table that the catalog knows.
func (b *testBundle) rows(t *testing.T, tenant string) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	for _, table := range b.tenantTables(t) {
		rows := b.queryInt(t, `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()+` WHERE tenant_id::text = $1`, idText(tenant))
		if rows > 0 {
			counts[table] = int64(rows)
		}
	}
	return counts
}

func (b *testBundle) tenantTables(t *testing.T) []string {
	t.Helper()
	tables := b.queryTexts(t, `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id' AND NOT a.attisdropped`)
	require.NotEmpty(t, tables)
	return tables
}

func (b *testBundle) waitForPurge(t *testing.T, tenant string) response {
	t.Helper()
	require.Eventually(t, func() bool {
		return b.admin.get(t, tenant+"/purge").is(200).at("status") == "finished"
	}, 20*time.Second, 10*time.Millisecond)
	return b.admin.get(t, tenant+"/purge")
}

func TestPurgeCoversTheTenantTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tables, err := operation.TenantTables()
	require.NoError(t, err)
	require.ElementsMatch(t, b.tenantTables(t), tables)
	require.Len(t, b.populate(t, b.createTenant(t, "acme")), len(tables), "the tests of a purge have rows in each table")
}

func TestPurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.serve(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	kept := b.populate(t, other)
	b.populate(t, acme)
	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = $1 WHERE email = $2`, idText(acme), userEmail)
	etag := b.admin.get(t, acme).etag()
	b.admin.delete(t, acme).is(409, "tenant_not_empty")
	b.admin.delete(t, acme+"?purge=true", "If-Match", `"abc"`).is(412)
	b.admin.get(t, acme+"/purge").is(404)
	b.admin.get(t, acme).is(200)
	want := b.rows(t, acme)

	const request = "0123456789abcdef0123"
	begun := b.admin.delete(t, acme+"?purge=true", "If-Match", etag, "X-Request-Id", request).is(202)
	require.Equal(t, acme+"/purge", begun.header.Get("Location"))
	require.NotEmpty(t, begun.at("requested_at"))
	got := b.waitForPurge(t, acme)
	require.NotEmpty(t, got.at("finished_at"))
	require.Len(t, got.at("deleted"), len(want))
	for table, rows := range want {
		require.EqualValues(t, rows, got.at("deleted", table), table)
	}
	require.Empty(t, b.rows(t, acme))
	for _, status := range []int{b.admin.get(t, acme).status, b.admin.delete(t, acme).status, b.admin.get(t, acme+"/agents").status} {
		require.Equal(t, 404, status)
	}
	require.Equal(t, kept, b.rows(t, other))
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM platform_audit_events e JOIN portal_users u ON u.id = e.actor_id AND u.is_admin
		WHERE action = 'delete-tenant' AND object_id = $1 AND request_id = $2 AND details->>'purge' = 'true'`, idText(acme), request))
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM platform_audit_events e JOIN portal_users u ON u.id = e.actor_id AND u.is_admin
		WHERE action = 'tenant-purged' AND object_id = $1 AND details->'deleted'->>'agents' = '3'`, idText(acme)))
	b.login(t, userEmail) // users stay
}

func TestDeleteEmptyTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.serve(t)
	tenant := b.createTenant(t, "acme")
	agent, _ := b.createAgent(t, tenant)
	b.admin.delete(t, agent).is(204) // leaves events
	b.admin.delete(t, tenant).is(202)
	b.waitForPurge(t, tenant)
	b.createTenant(t, "acme") // the name is free
}

// TestTenantWhilePurging: no worker runs.
func TestTenantWhilePurging(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	b.populate(t, tenant)
	b.connect(t, tenant, "T0ACME")
	agent, etag := b.createAgent(t, tenant)
	b.user.get(t, tenant+"/agents").is(200)
	b.slack(t, slackMessage("T0ACME", "hello")).is(200)
	require.Len(t, b.delivered, 1)

	first := b.admin.delete(t, tenant+"?purge=true").is(202)
	b.admin.delete(t, tenant+"?purge=true").is(202).sameAs(first)
	b.admin.delete(t, tenant).is(202).sameAs(first)
	require.Equal(t, "running", b.admin.get(t, tenant+"/purge").is(200).at("status"))
	require.Equal(t, "purging", b.admin.get(t, tenant).is(200).at("status"))
	b.user.get(t, tenant+"/agents").is(404)
	b.user.get(t, tenant+"/purge").is(403)
	require.Empty(t, b.user.get(t, "/v1/tenants").items())
	b.admin.get(t, agent).is(200)
	for _, got := range []response{
		b.admin.post(t, tenant+"/agents", `{"name": "Nora"}`), b.admin.patch(t, agent, etag, `{"name": "Nora"}`), b.admin.delete(t, agent),
		b.admin.patch(t, tenant, "*", `{"status": "active"}`),
	} {
		got.is(409, "tenant_purging")
	}
	b.restart(t) // without cached workspaces
	b.slack(t, slackMessage("T0ACME", "hello")).is(200)
	require.Len(t, b.delivered, 1, "its workspaces are unknown")
}

// TestPurgeIsRestartable: processes that are stopped after any batch, and two at once, delete each row once.
func TestPurgeIsRestartable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := map[string]map[string]int64{}
	for n := range 3 {
		tenant := b.createTenant(t, "acme-"+strconv.Itoa(n))
		want[tenant] = b.populate(t, tenant)
		b.admin.delete(t, tenant+"?purge=true").is(202)
	}
	first := slices.Sorted(maps.Keys(want))[0]
	for range 3 { // three processes, each stopped after a batch
		more, err := b.purger(t, 2).Step(t.Context(), uuid.MustParse(idText(first)))
		require.NoError(t, err)
		require.True(t, more)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, b.purger(t, 2).Run(stopped))
	require.Equal(t, "running", b.admin.get(t, first+"/purge").at("status"))

	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() { require.NoError(t, b.purger(t, 2).Run(t.Context())) })
	}
	workers.Wait()
	require.NoError(t, b.purger(t, 2).Run(t.Context()), "a worker skips what another one works on")
	for tenant, rows := range want {
		got := b.admin.get(t, tenant+"/purge")
		require.Equal(t, "finished", got.at("status"))
		for table, n := range rows {
			require.EqualValues(t, n, got.at("deleted", table), table)
		}
		require.Empty(t, b.rows(t, tenant))
		require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM platform_audit_events WHERE action = 'tenant-purged' AND object_id = $1`, idText(tenant)))
	}
}

// TestPurgeDuringWrites: writers create agents until the tenant is gone.
func TestPurgeDuringWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.serve(t)
	const purges, writers = 10, 3
	outcomes := map[int]int{}
	for n := range purges {
		tenant := b.createTenant(t, "purged-"+strconv.Itoa(n))
		statuses := make(chan int)
		var writing sync.WaitGroup
		for range writers {
			writing.Go(func() {
				for status := 0; status != 404; {
					status = b.admin.post(t, tenant+"/agents", `{"name": "Mara"}`).status
					statuses <- status
				}
			})
		}
		go func() { writing.Wait(); close(statuses) }()
		deleting := sync.OnceFunc(func() { b.admin.delete(t, tenant+"?purge=true").is(202) })
		for status := range statuses {
			deleting()
			outcomes[status]++
		}
		require.Equal(t, "finished", b.waitForPurge(t, tenant).at("status"))
		require.Empty(t, b.rows(t, tenant))
	}
	t.Log("outcomes of the writes:", outcomes)
	require.Subset(t, []int{201, 404, 409}, slices.Collect(maps.Keys(outcomes)))
	require.GreaterOrEqual(t, outcomes[201], purges, "rows to purge")
	require.Equal(t, purges*writers, outcomes[404])
}

// TestPurgeRetries: a locked row delays a purge and fails no other.
func TestPurgeRetries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	locked, free := b.createTenant(t, "locked"), b.createTenant(t, "free")
	for _, tenant := range []string{locked, free} {
		b.createAgent(t, tenant)
		b.admin.delete(t, tenant+"?purge=true").is(202)
	}
	b.setRoleParameter(t, "lock_timeout", "200")
	holder := b.beginTx(t, `SELECT FROM agents WHERE tenant_id = $1 FOR UPDATE`, idText(locked))
	require.ErrorContains(t, b.purger(t, 2).Run(t.Context()), idText(locked))
	b.waitForPurge(t, free)
	require.Equal(t, "running", b.admin.get(t, locked+"/purge").at("status"))
	b.admin.get(t, locked).is(200)
	require.NoError(t, holder.Rollback(t.Context()))
	require.NoError(t, b.purger(t, 2).Run(t.Context()))
	b.waitForPurge(t, locked)
}

// TestPurgeFailuresAreCounted, for an alert.
func TestPurgeFailuresAreCounted(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	b := setup(t, func(o *server.Options) { o.Meters = metric.NewMeterProvider(metric.WithReader(reader)) })
	failures := func() (n int64) {
		var all metricdata.ResourceMetrics
		require.NoError(t, reader.Collect(t.Context(), &all))
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				if m.Name == "konstruct.purge.failures" {
					n = m.Data.(metricdata.Sum[int64]).DataPoints[0].Value
				}
			}
		}
		return n
	}
	tenant := b.createTenant(t, "locked")
	b.createAgent(t, tenant)
	b.setRoleParameter(t, "lock_timeout", "200")
	b.beginTx(t, `SELECT FROM agents WHERE tenant_id = $1 FOR UPDATE`, idText(tenant))
	b.serve(t)
	require.Zero(t, failures())
	b.admin.delete(t, tenant+"?purge=true").is(202)
	require.Eventually(t, func() bool { return failures() > 0 }, 10*time.Second, 20*time.Millisecond)
}
