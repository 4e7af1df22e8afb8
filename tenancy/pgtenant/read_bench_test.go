package pgtenant_test

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const readAgents = "select id, tenant_id, name, persona, created_at from agents where tenant_id = $1 order by id limit 20"

// BenchmarkRead reads 20 rows, on the driver under forced row-level security and on raw pgx without it, one after the other
// and by as many goroutines as there are connections:
//
//	KONSTRUCT_TEST_SERVER=local go test -run '^$' -bench Read -count 5 ./tenancy/pgtenant
func BenchmarkRead(b *testing.B) {
	h := testdb.New(b)
	drv, err := pgtenant.Open(b.Context(), h.AppURL, pgtenant.WithMaxConns(16))
	require.NoError(b, err)
	defer func() { _ = drv.Close() }()
	config, err := pgxpool.ParseConfig(h.SuperURL)
	require.NoError(b, err)
	config.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	defer pool.Close()
	client := ent.NewClient(ent.Driver(drv))
	tenant, err := client.Tenant.Create().SetName("t").SetSlug("t").Save(b.Context())
	require.NoError(b, err)
	id, err := tenancy.FromUUID(tenant.ID)
	require.NoError(b, err)
	ctx := tenancy.With(b.Context(), id)
	for i := range 20 {
		require.NoError(b, client.Agent.Create().SetName("agent"+strconv.Itoa(i)).Exec(ctx))
	}
	ours := func() error {
		var rows entsql.Rows
		if err := drv.Query(ctx, readAgents, []any{id.UUID()}, &rows); err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		var r row
		for rows.Next() {
			if err := rows.Scan(&r.id, &r.tenant, &r.name, &r.status, &r.created); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	raw := func() error {
		rows, err := pool.Query(ctx, readAgents, id.UUID())
		if err != nil {
			return err
		}
		defer rows.Close()
		var r row
		for rows.Next() {
			if err := rows.Scan(&r.id, &r.tenant, &r.name, &r.status, &r.created); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	for _, way := range []struct {
		name string
		read func() error
	}{{"ours", ours}, {"raw", raw}} {
		require.NoError(b, way.read())
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			before := rusage(b)
			for b.Loop() {
				if err := way.read(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rusage(b)-before)/float64(b.N), "cpu-ns/op")
		})
		b.Run(way.name+"-parallel", func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := way.read(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

type row struct {
	id, tenant   uuid.UUID
	name, status string
	created      time.Time
}

// rusage returns the CPU time that this process has used, in nanoseconds.
func rusage(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return used.Utime.Nano() + used.Stime.Nano()
}
