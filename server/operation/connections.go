package operation

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const connectionList = "channel-connections"

// Connections works on the channel connections of the context's tenant. Secrets are sealed before they reach SQL, and
// no method returns one in the clear.
type Connections struct {
	client *ent.Client
	pages  Pages
	clock  func() time.Time
	box    *secrets.Box
}

// NewConnections works through client, whose driver is pgtenant's, and seals with box.
func NewConnections(client *ent.Client, pages Pages, clock func() time.Time, box *secrets.Box) *Connections {
	return &Connections{client: client, pages: pages, clock: clock, box: box}
}

// NewConnection is a connection to be made. An empty status is pending.
type NewConnection struct {
	ConnectionFields

	ChannelType string
	WorkspaceID string
}

// ConnectionFields is what can be changed about a connection. What is nil, or "", is left as it is.
type ConnectionFields struct {
	Status  string
	Config  json.RawMessage
	Secrets secrets.Patch
}

// List returns a part of the tenant's connections, without their configuration and secrets. The error is [ErrCursor] for a foreign cursor.
func (c *Connections) List(ctx context.Context, page Page) (List[*ent.ChannelConnection], error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return List[*ent.ChannelConnection]{}, err
	}
	after, err := c.pages.after(connectionList, tenant, page.Cursor)
	if err != nil {
		return List[*ent.ChannelConnection]{}, err
	}
	query := c.client.ChannelConnection.Query().Order(channelconnection.ByID()).Limit(page.Limit + 1)
	if after != uuid.Nil {
		query.Where(channelconnection.IDGT(after))
	}
	rows, err := query.Select(
		channelconnection.FieldID, channelconnection.FieldTenantID, channelconnection.FieldChannelType,
		channelconnection.FieldWorkspaceID, channelconnection.FieldStatus,
		channelconnection.FieldCreatedAt, channelconnection.FieldUpdatedAt,
	).All(ctx)
	if err != nil {
		return List[*ent.ChannelConnection]{}, translate("list channel connections", err)
	}
	return cut(c.pages, connectionList, tenant, page.Limit, rows, func(row *ent.ChannelConnection) (uuid.UUID, int) {
		return row.ID, len(row.WorkspaceID)
	}), nil
}

// Create makes a connection. The errors are [ErrTaken] for a workspace that is connected already, by whomever,
// [ErrRefused], [ErrNotFound] when the tenant has gone, and a secrets.FaultError.
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

// Update changes a connection and returns it as it is then; without any field it changes nothing. The errors are
// [ErrNotFound], [ErrStale], [ErrRefused] and a secrets.FaultError.
func (c *Connections) Update(ctx context.Context, id uuid.UUID, match Match, f ConnectionFields) (*ent.ChannelConnection, error) {
	var changed *ent.ChannelConnection
	err := pgtenant.InTx(ctx, c.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		// The lock keeps changes that name no version from losing each other's secrets.
		row, err := tx.ChannelConnection.Query().Where(channelconnection.ID(id), forUpdate).Only(ctx)
		if err != nil {
			return err
		}
		if !match.has(row.UpdatedAt) {
			return ErrStale
		}
		if f.Status == "" && f.Config == nil && len(f.Secrets) == 0 {
			changed = row
			return nil
		}
		changed, err = c.change(ctx, row, f)
		return err
	})
	if errors.Is(err, ErrStale) {
		return nil, err
	}
	return changed, translate("update a channel connection", err)
}

func (c *Connections) change(ctx context.Context, row *ent.ChannelConnection, f ConnectionFields) (*ent.ChannelConnection, error) {
	update := row.Update().SetUpdatedAt(MatchVersions(row.UpdatedAt).next(c.clock()))
	if f.Status != "" {
		update.SetStatus(channelconnection.Status(f.Status))
	}
	if f.Config != nil {
		update.SetConfig(f.Config)
	}
	if len(f.Secrets) > 0 {
		sealed, err := c.seal(ctx, row, f.Secrets)
		if err != nil {
			return nil, err
		}
		update.SetSecrets(sealed)
	}
	return update.Save(ctx)
}

func (c *Connections) seal(ctx context.Context, row *ent.ChannelConnection, patch secrets.Patch) (map[string]string, error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return nil, err
	}
	ref := secrets.Ref{Tenant: tenant, Connection: row.ID, Channel: string(row.ChannelType)}
	return c.box.Apply(ref, row.Secrets, patch)
}

// Delete removes a connection and its secrets. The errors are [ErrNotFound] and [ErrStale].
func (c *Connections) Delete(ctx context.Context, id uuid.UUID, match Match) error {
	remove := c.client.ChannelConnection.Delete().Where(channelconnection.ID(id))
	if !match.isAny() {
		remove.Where(channelconnection.UpdatedAtIn(match.versions...))
	}
	removed, err := remove.Exec(ctx)
	if err == nil && removed == 0 {
		there, err := c.client.ChannelConnection.Query().Where(channelconnection.ID(id)).Exist(ctx)
		return reason(there, err)
	}
	return translate("delete a channel connection", err)
}
