package server_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/operation"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	for _, tt := range []struct {
		list, fill string
		most       int
		body       func(n int) any
	}{
		{
			"/agents", `INSERT INTO agents (id, tenant_id, name) SELECT gen_random_uuid(), $1, 'x' FROM generate_series(1, $2)`,
			operation.MaxAgents, func(int) any { return object{"name": "Mara"} },
		},
		{
			"/channel-connections", `INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id)
				SELECT gen_random_uuid(), $1, 'slack', 'F' || n FROM generate_series(1, $2) n`,
			operation.MaxConnections, func(n int) any { return object{"channel_type": "slack", "workspace_id": "T" + strconv.Itoa(n)} },
		},
	} {
		const left = 2
		b.exec(t, tt.fill, idText(tenant), tt.most-left)
		var creations []func() response
		for n := range 3 * left {
			creations = append(creations, func() response { return b.admin.post(t, tenant+tt.list, tt.body(n)) })
		}
		require.Equal(t, map[int]int{201: left, 409: 2 * left}, concurrently(creations...), tt.list)
		b.admin.post(t, tenant+tt.list, tt.body(90)).is(409, "limit_reached")
		b.admin.post(t, other+tt.list, tt.body(91)).is(201)
		b.admin.delete(t, tenant+tt.list+"/"+b.admin.get(t, tenant+tt.list).items()[0]["id"].(string)).is(204)
		b.admin.post(t, tenant+tt.list, tt.body(92)).is(201)
	}
}
