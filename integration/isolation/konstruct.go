package isolation

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// handWritten is SQL through the driver, which bypasses the mixin.
func handWritten(drv *pgtenant.Driver) []attack.Path {
	return []attack.Path{
		{
			ID: "E40-raw-read", Does: "reads by hand-written SQL", Want: attack.WantNothing,
			Try: func(ctx context.Context, _, aim attack.Row) (any, error) {
				var name string
				err := pgtenant.QueryRow(ctx, drv, "select name from agents where id = $1", uuid.MustParse(aim.ID)).Scan(&name)
				return name, err
			},
		},
		{
			ID: "E41-raw-write", Does: "writes by hand-written SQL", Want: attack.WantNothing,
			Try: func(ctx context.Context, _, aim attack.Row) (any, error) {
				return pgtenant.Exec(ctx, drv, "update agents set role = 'changed' where id = $1", uuid.MustParse(aim.ID))
			},
		},
		{
			ID: "E42-built-read", Does: "reads by Ent's SQL builder, beside the client", Want: attack.WantNothing,
			Try: func(ctx context.Context, _, aim attack.Row) (any, error) {
				query, args := sql.Dialect(drv.Dialect()).Select("name").From(sql.Table("agents")).
					Where(sql.Or(sql.EQ("id", aim.ID), sql.EQ("tenant_id", aim.Tenant))).Query()
				return pgtenant.Collect(pgtenant.Query(ctx, drv, query, args...), pgtenant.RowTo[string])
			},
		},
	}
}

func takenWorkspace(client *ent.Client) []attack.Path {
	return []attack.Path{{
		ID: "E43-taken-workspace", Does: "connects a workspace that another tenant has connected", Want: attack.WantRefused,
		Try: func(ctx context.Context, _, aim attack.Row) (any, error) {
			// Only the owner finds the row, so that the second connection is not created.
			rows, err := client.ChannelConnection.Query().Where(channelconnection.WorkspaceID(aim.Canary)).All(ctx)
			if err != nil || len(rows) > 0 {
				return rows, err
			}
			again := client.ChannelConnection.Create().SetChannelType(channelconnection.ChannelTypeSlack).SetWorkspaceID(aim.Canary)
			return nil, again.Exec(ctx)
		},
	}}
}
