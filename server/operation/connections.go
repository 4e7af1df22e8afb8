package operation

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Connections manages the channel connections of the context's tenant. Secrets are sealed before they reach SQL, and
// never returned.
type Connections struct {
	client *ent.Client
	pages  Pages
	clock  func() time.Time
	box    *secrets.Box
}

// NewConnections uses client, which must run on a pgtenant driver, and seals secrets with box.
func NewConnections(client *ent.Client, pages Pages, clock func() time.Time, box *secrets.Box) *Connections {
	return &Connections{client: client, pages: pages, clock: clock, box: box}
}

// NewConnection describes a connection to create. An empty status means pending.
type NewConnection struct {
	ConnectionFields

	ChannelType string
	WorkspaceID string
}

// ConnectionFields are the writable fields of a connection. A nil or empty field keeps its value.
type ConnectionFields struct {
	Status  string
	Config  json.RawMessage
	Secrets secrets.Patch
}

// List returns a page of connections without configuration and secrets, or [ErrCursor].
func (c *Connections) List(ctx context.Context, page Page) (List[*ent.ChannelConnection], error) {
	query := c.client.ChannelConnection.Query().Order(channelconnection.ByID())
	query.Select(
		channelconnection.FieldID, channelconnection.FieldTenantID, channelconnection.FieldChannelType,
		channelconnection.FieldWorkspaceID, channelconnection.FieldStatus,
		channelconnection.FieldCreatedAt, channelconnection.FieldUpdatedAt,
	)
	return list(ctx, c.pages, "channel-connections", page, query, func(row *ent.ChannelConnection) (uuid.UUID, int) {
		return row.ID, len(row.WorkspaceID)
	})
}

// Create creates a connection. Returns [ErrTaken] if any tenant has connected the workspace, [ErrInvalid],
// [ErrNotFound] if the tenant was deleted, or a secrets.FaultError.
func (c *Connections) Create(ctx context.Context, n NewConnection) (*ent.ChannelConnection, error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7() // before the row, because its secrets are sealed to it
	if err != nil {
		return nil, err
	}
	sealed, err := c.box.Apply(secrets.Ref{Tenant: tenant, Connection: id, Channel: n.ChannelType}, nil, n.Secrets)
	if err != nil {
		return nil, err
	}
	create := c.client.ChannelConnection.Create().SetID(id).
		SetChannelType(channelconnection.ChannelType(n.ChannelType)).SetWorkspaceID(n.WorkspaceID).SetSecrets(sealed)
	if n.Status != "" {
		create.SetStatus(channelconnection.Status(n.Status))
	}
	if n.Config != nil {
		create.SetConfig(n.Config)
	}
	row, err := create.Save(ctx)
	return row, translate("create a channel connection", err)
}

// Get returns a connection, or [ErrNotFound].
func (c *Connections) Get(ctx context.Context, id uuid.UUID) (*ent.ChannelConnection, error) {
	row, err := c.client.ChannelConnection.Get(ctx, id)
	return row, translate("get a channel connection", err)
}

// Update updates a connection, unless f is empty, and returns it. Returns [ErrNotFound], [ErrStale], [ErrInvalid] or a
// secrets.FaultError.
func (c *Connections) Update(
	ctx context.Context, id uuid.UUID, match Match, f ConnectionFields,
) (*ent.ChannelConnection, error) {
	var updated *ent.ChannelConnection
	err := pgtenant.InTx(ctx, c.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		// The lock keeps concurrent updates that match any version from losing each other's secrets.
		row, err := lock(ctx, id, match, tx.ChannelConnection.Query(), func(row *ent.ChannelConnection) time.Time {
			return row.UpdatedAt
		})
		if err != nil {
			return err
		}
		if f.Status == "" && f.Config == nil && len(f.Secrets) == 0 {
			updated = row
			return nil
		}
		updated, err = c.update(ctx, row, f)
		return err
	})
	return updated, translate("update a channel connection", err)
}

func (c *Connections) update(
	ctx context.Context, row *ent.ChannelConnection, f ConnectionFields,
) (*ent.ChannelConnection, error) {
	update := row.Update().SetUpdatedAt(MatchVersions(row.UpdatedAt).next(c.clock()))
	if f.Status != "" {
		update.SetStatus(channelconnection.Status(f.Status))
	}
	if f.Config != nil {
		update.SetConfig(f.Config)
	}
	if len(f.Secrets) > 0 {
		tenant, err := tenancy.From(ctx)
		if err != nil {
			return nil, err
		}
		ref := secrets.Ref{Tenant: tenant, Connection: row.ID, Channel: string(row.ChannelType)}
		sealed, err := c.box.Apply(ref, row.Secrets, f.Secrets)
		if err != nil {
			return nil, err
		}
		update.SetSecrets(sealed)
	}
	return update.Save(ctx)
}

// Delete deletes a connection and its secrets. Returns [ErrNotFound] or [ErrStale].
func (c *Connections) Delete(ctx context.Context, id uuid.UUID, match Match) error {
	return remove(ctx, id, match, c.client.ChannelConnection.Delete(), c.client.ChannelConnection.Query())
}
