package isolation

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// handWritten is SQL through the driver, which bypasses the mixin.
func handWritten(drv *pgtenant.Driver) []attack.Path {
	return []attack.Path{
		nothing("E40-raw-read", "reads by hand-written SQL", func(ctx context.Context, p pair) (any, error) {
			var name string
			err := pgtenant.QueryRow(ctx, drv, "select name from agents where id = $1", p.aim).Scan(&name)
			return name, err
		}),
		nothing("E41-raw-write", "writes by hand-written SQL", func(ctx context.Context, p pair) (any, error) {
			return pgtenant.Exec(ctx, drv, "update agents set role = 'changed' where id = $1", p.aim)
		}),
		nothing("E42-built-read", "reads by Ent's SQL builder, beside the client",
			func(ctx context.Context, p pair) (any, error) {
				query, args := sql.Dialect(drv.Dialect()).Select("name").From(sql.Table("agents")).
					Where(sql.Or(sql.EQ("id", p.aim), sql.EQ("tenant_id", p.theirs))).Query()
				return pgtenant.Collect(pgtenant.Query(ctx, drv, query, args...), pgtenant.RowTo[string])
			}),
	}
}

func takenWorkspace(client *ent.Client) []attack.Path {
	return []attack.Path{
		refused("E43-taken-workspace", "connects a workspace that another tenant has connected",
			func(ctx context.Context, p pair) (any, error) {
				// Only the owner finds the row, so that the second connection is not created.
				rows, err := client.ChannelConnection.Query().Where(channelconnection.WorkspaceID(p.canary)).All(ctx)
				if err != nil || len(rows) > 0 {
					return rows, err
				}
				return nil, client.ChannelConnection.Create().
					SetChannelType(channelconnection.ChannelTypeSlack).SetWorkspaceID(p.canary).Exec(ctx)
			}),
	}
}
