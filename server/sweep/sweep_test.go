package sweep_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/sweep"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

type testBundle struct {
	super   *pgxpool.Pool // of the superuser
	options sweep.Options
	now     time.Time
	tenants []uuid.UUID
	user    uuid.UUID

	healthy error
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	db := testdb.New(t)
	b := &testBundle{now: time.Now(), user: uuid.New(), tenants: []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}}
	var err error
	b.super, err = pgxpool.New(t.Context(), db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(b.super.Close)
	driver, err := pgtenant.Open(t.Context(), db.AppURL, pgtenant.WithMaxConns(4))
	require.NoError(t, err)
	t.Cleanup(func() { _ = driver.Close() })
	b.options = sweep.Options{
		DB: driver.Joining(), Clock: func() time.Time { return b.now }, Healthy: func() error { return b.healthy },
		Warn: func(_ context.Context, err error) { t.Error(err) },
	}
	for n, status := range []string{"active", "suspended", "purging"} {
		b.exec(t, `INSERT INTO tenants (id, name, slug, status) VALUES ($1, $2, $2, $2)`, b.tenants[n], status)
	}
	b.exec(t, `INSERT INTO portal_users (id, email, hashed_password, name) VALUES ($1, 'ada@example.com', 'x', 'Ada')`, b.user)
	return b
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.super.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func (b *testBundle) count(t *testing.T, sql string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, b.super.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// insert are statements for a row of each class whose event was at $1. Some have several events.
var insert = map[string][]string{
	"portal_sessions": {
		`INSERT INTO portal_sessions (token_hash, user_id, created_at, last_seen_at, expires_at)
			SELECT encode(sha256(gen_random_uuid()::text::bytea), 'hex'), id, $1::timestamptz - interval '7 days', $1, $1::timestamptz FROM portal_users`,
		`INSERT INTO portal_sessions (token_hash, user_id, created_at, last_seen_at, expires_at)
			SELECT encode(sha256(gen_random_uuid()::text::bytea), 'hex'), id, $1::timestamptz - interval '12 hours', $1::timestamptz - interval '12 hours',
			$1::timestamptz + interval '6 days' FROM portal_users`,
	},
	"login_attempts": {`INSERT INTO login_attempts (key, count, window_ends) VALUES (gen_random_uuid(), 1, $1)`},
	"portal_links": {`INSERT INTO portal_links (id, user_id, kind, email, expires_at)
		SELECT gen_random_uuid(), id, 'password_reset', email, $1 FROM portal_users`},
	"mail_outbox": {
		`INSERT INTO mail_outbox (id, kind, subject_id, sent_at) VALUES (gen_random_uuid(), 'password_reset', gen_random_uuid(), $1)`,
		`INSERT INTO mail_outbox (id, kind, subject_id, gave_up_at) VALUES (gen_random_uuid(), 'password_reset', gen_random_uuid(), $1)`,
	},
	"platform_idempotency_keys": {`INSERT INTO platform_idempotency_keys (id, created_at, scope, request_hash)
		VALUES (gen_random_uuid(), $1, encode(sha256(gen_random_uuid()::text::bytea), 'hex'), repeat('a', 64))`},
	"platform_audit_events": {`INSERT INTO platform_audit_events (id, created_at, action) VALUES (gen_random_uuid(), $1, 'x')`},
	"tenant_purges":         {`INSERT INTO tenant_purges (id, requested_by, finished_at) VALUES (gen_random_uuid(), gen_random_uuid(), $1)`},
	"idempotency_keys": {`INSERT INTO idempotency_keys (id, tenant_id, created_at, scope, request_hash)
		SELECT gen_random_uuid(), id, $1, encode(sha256(gen_random_uuid()::text::bytea), 'hex'), repeat('a', 64) FROM tenants`},
	"invitations": {
		invite("expires_at", "$1"),
		invite("expires_at, accepted_at", "$1::timestamptz - interval '60 days', $1"),
		invite("expires_at, revoked_at", "$1::timestamptz + interval '60 days', $1"),
	},
	"audit_events": {`INSERT INTO audit_events (id, tenant_id, created_at, action) SELECT gen_random_uuid(), id, $1, 'x' FROM tenants`},
}

func invite(columns, values string) string {
	return `INSERT INTO invitations (id, tenant_id, email, role, invited_by, ` + columns + `)
		SELECT gen_random_uuid(), id, gen_random_uuid() || '@example.com', 'viewer', gen_random_uuid(), ` + values + ` FROM tenants`
}

// TestRetention: of rows on both sides of each bound, those before it are deleted.
func TestRetention(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const aside = time.Minute // more than the database's clock differs
	b.exec(t, `INSERT INTO mail_outbox (id, kind, subject_id, created_at) VALUES (gen_random_uuid(), 'password_reset', gen_random_uuid(), 'epoch')`)
	b.exec(t, `INSERT INTO tenant_purges (id, requested_by, created_at) VALUES (gen_random_uuid(), gen_random_uuid(), 'epoch')`)
	waiting := map[string]int64{"mail_outbox": 1, "tenant_purges": 1, "platform_idempotency_keys": 1} // and the claim
	for _, class := range sweep.Retention() {
		bound := b.now.Add(-time.Duration(class.Days) * 24 * time.Hour)
		require.NotEmpty(t, insert[class.Table])
		for _, statement := range insert[class.Table] {
			b.exec(t, statement, bound.Add(-aside))
			b.exec(t, statement, bound.Add(aside))
		}
	}
	sweeper := sweep.New(b.options)
	require.NoError(t, sweeper.Sweep(t.Context()))
	stats := sweeper.Stats()
	require.Equal(t, b.now, stats.LastSuccess)
	require.Len(t, stats.Deleted, len(sweep.Retention()))
	for _, class := range sweep.Retention() {
		rows := int64(len(insert[class.Table]))
		ofTenants := b.count(t, `SELECT count(*) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = 'tenant_id'`, class.Table) == 1
		if ofTenants { // of three tenants, one of which is purged elsewhere
			require.Equal(t, 4*rows, b.count(t, `SELECT count(*) FROM `+class.Table), class.Table)
			require.Equal(t, 2*rows, b.count(t, `SELECT count(*) FROM `+class.Table+` WHERE tenant_id = $1`, b.tenants[2]), class.Table)
			require.Equal(t, 2*rows, stats.Deleted[class.Table], class.Table)
			continue
		}
		require.Equal(t, rows+waiting[class.Table], b.count(t, `SELECT count(*) FROM `+class.Table), class.Table)
		require.Equal(t, rows, stats.Deleted[class.Table], class.Table)
	}
	require.Equal(t, 12*time.Hour, account.IdleLifetime, "as in the statement for sessions")
}

func TestManyRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO login_attempts (key, count, window_ends) SELECT n, 1, 'epoch' FROM generate_series(1, 12000) n`)
	b.exec(t, `INSERT INTO audit_events (id, tenant_id, created_at, action) SELECT gen_random_uuid(), $1, 'epoch', 'x' FROM generate_series(1, 12000)`, b.tenants[0])
	sweeper := sweep.New(b.options)
	require.NoError(t, sweeper.Sweep(t.Context()))
	require.Zero(t, b.count(t, `SELECT (SELECT count(*) FROM login_attempts) + (SELECT count(*) FROM audit_events)`))
	require.EqualValues(t, 12000, sweeper.Stats().Deleted["login_attempts"])
}

// TestOneSweeps: of several processes, one sweeps in an hour.
func TestOneSweeps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	swept := func() (n int) {
		var sweeping sync.WaitGroup
		sweepers := []*sweep.Sweeper{sweep.New(b.options), sweep.New(b.options), sweep.New(b.options)}
		for _, s := range sweepers {
			sweeping.Go(func() { require.NoError(t, s.Sweep(t.Context())) })
		}
		sweeping.Wait()
		for _, s := range sweepers {
			if !s.Stats().LastSuccess.IsZero() {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, swept())
	require.Zero(t, swept())
	b.now = b.now.Add(54 * time.Minute)
	require.Zero(t, swept())
	b.now = b.now.Add(6 * time.Minute)
	require.Equal(t, 1, swept())
	b.now = b.now.Add(-24 * time.Hour)
	require.Equal(t, 1, swept(), "the clock was set back")
}

// TestFailureOfOneClass: the others are swept.
func TestFailureOfOneClass(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `REVOKE DELETE ON portal_links FROM konstruct_app`)
	for _, table := range []string{"login_attempts", "tenant_purges", "invitations"} {
		b.exec(t, insert[table][0], time.Unix(0, 0))
	}
	sweeper := sweep.New(b.options)
	err := sweeper.Sweep(t.Context())
	require.ErrorContains(t, err, "portal_links")
	require.Equal(t, 1, strings.Count(err.Error(), "delete from"))
	require.EqualValues(t, 1, sweeper.Stats().Failures)
	require.Zero(t, sweeper.Stats().LastSuccess)
	require.Zero(t, b.count(t, `SELECT (SELECT count(*) FROM login_attempts) + (SELECT count(*) FROM tenant_purges)`))
	require.EqualValues(t, 1, b.count(t, `SELECT count(*) FROM invitations`), "of the purged tenant")
}

func TestLockedRowsAreSkipped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, insert["login_attempts"][0], time.Unix(0, 0))
	b.exec(t, insert["login_attempts"][0], time.Unix(0, 0))
	holder, err := b.super.Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `SELECT FROM login_attempts LIMIT 1 FOR UPDATE`)
	require.NoError(t, err)
	require.NoError(t, sweep.New(b.options).Sweep(t.Context()))
	require.NoError(t, holder.Rollback(t.Context()))
	require.EqualValues(t, 1, b.count(t, `SELECT count(*) FROM login_attempts`))
}

func TestTenantsAreNotSweptWithoutIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.healthy = errors.New("not isolated")
	b.exec(t, insert["login_attempts"][0], time.Unix(0, 0))
	b.exec(t, insert["invitations"][0], time.Unix(0, 0))
	require.ErrorIs(t, sweep.New(b.options).Sweep(t.Context()), b.healthy)
	require.Zero(t, b.count(t, `SELECT count(*) FROM login_attempts`))
	require.EqualValues(t, 3, b.count(t, `SELECT count(*) FROM invitations`))
}

func TestRunSweepsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sweeper := sweep.New(b.options)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { sweeper.Run(ctx); close(ended) }()
	require.Eventually(t, func() bool { return !sweeper.Stats().LastSuccess.IsZero() }, 10*time.Second, time.Millisecond)
	cancel()
	<-ended
}
