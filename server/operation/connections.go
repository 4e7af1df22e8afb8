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
	Store

	Box *secrets.Box
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

// ConnectionFilter selects connections. An empty field selects all.
type ConnectionFilter struct{ ChannelType, Status string }

//nolint:gochecknoglobals // a constant
var connectionList = listing[*ent.ChannelConnection]{
	name: "channel-connections",
	sorts: []sorting[*ent.ChannelConnection]{
		byCreation[*ent.ChannelConnection](),
		byText(channelconnection.FieldWorkspaceID, func(row *ent.ChannelConnection) string { return row.WorkspaceID }),
		byTime(channelconnection.FieldUpdatedAt, func(row *ent.ChannelConnection) time.Time { return row.UpdatedAt }),
	},
	search:  []string{channelconnection.FieldWorkspaceID},
	measure: func(row *ent.ChannelConnection) (uuid.UUID, int) { return row.ID, len(row.WorkspaceID) },
}

// List returns a page of connections without configuration and secrets, or [ErrCursor].
func (c *Connections) List(
	ctx context.Context, page Page, f ConnectionFilter,
) (List[*ent.ChannelConnection], error) {
	query := c.Client.ChannelConnection.Query()
	query.Select(
		channelconnection.FieldID, channelconnection.FieldTenantID, channelconnection.FieldChannelType,
		channelconnection.FieldWorkspaceID, channelconnection.FieldStatus,
		channelconnection.FieldCreatedAt, channelconnection.FieldUpdatedAt,
	)
	return list(ctx, c.Pages, &connectionList, page, query,
		equal(channelconnection.FieldChannelType, f.ChannelType), equal(channelconnection.FieldStatus, f.Status))
}

// Create creates a connection. Returns [ErrTaken] if any tenant has connected the workspace, [ErrInvalid], [ErrLimit],
// [ErrNotFound] if the tenant was deleted, or a secrets.FaultError.
func (c *Connections) Create(ctx context.Context, n NewConnection) (row *ent.ChannelConnection, err error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7() // before the row, because its secrets are sealed to it
	if err != nil {
		return nil, err
	}
	sealed, err := c.Box.Apply(secrets.Ref{Tenant: tenant, Connection: id, Channel: n.ChannelType}, nil, n.Secrets)
	if err != nil {
		return nil, err
	}
	err = pgtenant.InTx(ctx, c.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		if err := c.checkLimit(ctx, MaxConnections, tx.ChannelConnection.Query().Count); err != nil {
			return err
		}
		create := tx.ChannelConnection.Create().SetID(id).SetWorkspaceID(n.WorkspaceID).SetSecrets(sealed).
			SetChannelType(channelconnection.ChannelType(n.ChannelType))
		n.set(create.Mutation())
		row, err = create.Save(ctx)
		return translate("create a channel connection", err)
	})
	return row, err
}

// Get returns a connection, or [ErrNotFound].
func (c *Connections) Get(ctx context.Context, id uuid.UUID) (*ent.ChannelConnection, error) {
	row, err := c.Client.ChannelConnection.Get(ctx, id)
	return row, translate("get a channel connection", err)
}

// Update updates a connection, unless f is empty, and returns it with the status that it had before. Returns
// [ErrNotFound], [ErrStale], [ErrInvalid] or a secrets.FaultError.
func (c *Connections) Update(
	ctx context.Context, id uuid.UUID, match Match, f ConnectionFields,
) (updated *ent.ChannelConnection, before channelconnection.Status, err error) {
	err = pgtenant.InTx(ctx, c.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		// The lock keeps concurrent updates that match any version from losing each other's secrets.
		row, err := lock(ctx, id, match, tx.ChannelConnection.Query(), func(row *ent.ChannelConnection) time.Time {
			return row.UpdatedAt
		})
		if err != nil {
			return err
		}
		before = row.Status
		if f.Status == "" && f.Config == nil && len(f.Secrets) == 0 {
			updated = row
			return nil
		}
		updated, err = c.update(ctx, row, f)
		return err
	})
	return updated, before, translate("update a channel connection", err)
}

func (c *Connections) update(
	ctx context.Context, row *ent.ChannelConnection, f ConnectionFields,
) (*ent.ChannelConnection, error) {
	update := row.Update().SetUpdatedAt(MatchVersions(row.UpdatedAt).next(c.Clock()))
	f.set(update.Mutation())
	if len(f.Secrets) > 0 {
		tenant, err := tenancy.From(ctx)
		if err != nil {
			return nil, err
		}
		ref := secrets.Ref{Tenant: tenant, Connection: row.ID, Channel: string(row.ChannelType)}
		sealed, err := c.Box.Apply(ref, row.Secrets, f.Secrets)
		if err != nil {
			return nil, err
		}
		update.SetSecrets(sealed)
	}
	return update.Save(ctx)
}

// set sets all fields but the secrets, which must be sealed.
func (f ConnectionFields) set(m *ent.ChannelConnectionMutation) {
	if f.Status != "" {
		m.SetStatus(channelconnection.Status(f.Status))
	}
	if f.Config != nil {
		m.SetConfig(f.Config)
	}
}

// Delete deletes a connection and its secrets. Returns [ErrNotFound] or [ErrStale].
func (c *Connections) Delete(ctx context.Context, id uuid.UUID, match Match) error {
	return remove(ctx, id, match, c.Client.ChannelConnection.Delete(), c.Client.ChannelConnection.Query())
}
