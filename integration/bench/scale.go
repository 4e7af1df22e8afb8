package bench

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// scale reads the same list from tables of various sizes.
func (b bench) scale(main *testdb.Database) []result {
	contestants := make([]contestant, len(b.size.tables))
	for i, p := range b.size.tables {
		db := main
		if p != b.size.main {
			db = b.populate(p)
		}
		read := way{name: fmt.Sprintf("%d rows", p.rows()), pool: openOurs(b, db.AppURL)}
		contestants[i] = read.contestant(workloads()[workRead].do, p.jobs(b))
	}
	b.Log("one tenant's read among more and more rows")
	return takeTurns(b, b.size.loopback, contestants)
}

// planning is the number of warm-up executions: PostgreSQL makes five custom plans for a prepared statement before it
// considers a generic one.
const planning = 10

// skew counts a small tenant's agents on two connections. On the first, each statement was planned for a small tenant;
// on the second, for the tenant with most of the table's rows. Ent's statement has the mixin's predicate, the one by
// hand only the policy's. Compare the second half of the results with the first.
func (b bench) skew() []result {
	p := b.size.skewed
	db, jobs := b.populate(p), p.jobs(b)
	b.Log("a small tenant after a big one")
	var contestants []contestant
	for _, first := range []struct {
		name   string
		tenant tenancy.ID
	}{{"a small tenant", jobs[0].tenant}, {"the big tenant", tenantID(b, p.tenants+1)}} {
		driver := openDriver(b, db.AppURL, 1)
		client := ent.NewClient(ent.Driver(driver))
		add := func(way string, count func(context.Context) (int, error)) {
			for range planning {
				_, err := count(tenancy.With(b.Context(), first.tenant))
				require.NoError(b, err)
			}
			name := fmt.Sprintf("count %s, first planned for %s", way, first.name)
			contestants = append(contestants, contestant{name: name, do: func(ctx context.Context, turn int) error {
				n, err := count(tenancy.With(ctx, jobs[turn%len(jobs)].tenant))
				return expect(p.agentsEach, n, err)
			}})
		}
		add("through Ent", func(ctx context.Context) (int, error) { return client.Agent.Query().Count(ctx) })
		add("by hand", func(ctx context.Context) (n int, err error) {
			err = pgtenant.QueryRow(ctx, driver, "SELECT count(*) FROM agents").Scan(&n)
			return n, err
		})
	}
	return takeTurns(b, b.size.loopback, contestants)
}
