package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

type demoTenant struct {
	name, slug, workspace string
	agents                []demoAgent
}

type demoAgent struct{ name, role, persona string }

// demoTenants returns two tenants, to show isolation between them.
func demoTenants() []demoTenant {
	return []demoTenant{
		{
			name: "Acme Robotics", slug: "acme", workspace: "T0ACME0001",
			agents: []demoAgent{
				{"Ada", "Support engineer", "Patient and exact. Reads the log before she answers."},
				{"Rosie", "Office manager", "Cheerful. Knows where everything is."},
			},
		},
		{
			name: "Globex Foods", slug: "globex", workspace: "T0GLOBEX01",
			agents: []demoAgent{
				{"Hank", "Supply planner", "Brief. Thinks in weeks and pallets."},
			},
		},
	}
}

// seed creates missing demo data as konstruct_app, in the context of each tenant.
func seed(ctx context.Context, client *ent.Client, box *secrets.Box, s devState) error {
	_, err := newUsers(client).Create(ctx, account.NewUser{
		Email: s.AdminEmail, Name: "Demo Admin", Password: s.AdminPassword, IsAdmin: true,
	})
	if err != nil && !errors.Is(err, account.ErrTaken) {
		return err
	}
	for _, demo := range demoTenants() {
		exists, err := client.Tenant.Query().Where(tenant.Slug(demo.slug)).Exist(ctx)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		// Another process may have created it.
		if err := demo.create(ctx, client, box); err != nil && !ent.IsConstraintError(err) {
			return err
		}
	}
	return nil
}

func (d demoTenant) create(ctx context.Context, client *ent.Client, box *secrets.Box) error {
	row, err := client.Tenant.Create().SetName(d.name).SetSlug(d.slug).Save(ctx)
	if err != nil {
		return err
	}
	id, err := tenancy.FromUUID(row.ID)
	if err != nil {
		return err
	}
	return pgtenant.InTx(tenancy.With(ctx, id), client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		for _, a := range d.agents {
			if err := tx.Agent.Create().SetName(a.name).SetRole(a.role).SetPersona(a.persona).Exec(ctx); err != nil {
				return err
			}
		}
		return d.connect(ctx, tx, box, id)
	})
}

// connect adds a Slack connection with a fake bot token.
func (d demoTenant) connect(ctx context.Context, tx *ent.Tx, box *secrets.Box, id tenancy.ID) error {
	connection, token := uuid.Must(uuid.NewV7()), "xoxb-demo-"+d.slug
	channel := channelconnection.ChannelTypeSlack
	sealed, err := box.Apply(secrets.Ref{Tenant: id, Connection: connection, Channel: channel.String()}, nil,
		secrets.Patch{"bot_token": &token})
	if err != nil {
		return err
	}
	return tx.ChannelConnection.Create().SetID(connection).
		SetChannelType(channel).SetWorkspaceID(d.workspace).
		SetStatus(channelconnection.StatusActive).SetSecrets(sealed).Exec(ctx)
}
