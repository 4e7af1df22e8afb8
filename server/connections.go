package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/server/operation"
)

type connectionView struct {
	ID          uuid.UUID  `json:"id" format:"uuid"`
	TenantID    uuid.UUID  `json:"tenant_id" format:"uuid"`
	ChannelType string     `json:"channel_type" enum:"slack,whatsapp,mattermost"`
	WorkspaceID string     `json:"workspace_id"`
	Status      string     `json:"status" enum:"pending,active,revoked"`
	StatusNote  string     `json:"status_note,omitempty" doc:"What the status means for the people who wait for messages. Absent for an active connection." example:"Waiting until a platform admin has verified the workspace."`
	Config      FreeObject `json:"config"`
	SecretNames []string   `json:"secret_names" nullable:"false" doc:"Names of the stored secrets. Values are never returned."`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// connectionSummary is a connection in a list, without configuration and secret names.
type connectionSummary struct {
	ID          uuid.UUID `json:"id" format:"uuid"`
	TenantID    uuid.UUID `json:"tenant_id" format:"uuid"`
	ChannelType string    `json:"channel_type" enum:"slack,whatsapp,mattermost"`
	WorkspaceID string    `json:"workspace_id"`
	Status      string    `json:"status" enum:"pending,active,revoked"`
	StatusNote  string    `json:"status_note,omitempty" doc:"What the status means for the people who wait for messages. Absent for an active connection." example:"Waiting until a platform admin has verified the workspace."`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	ETag        string    `json:"etag" doc:"Version of the resource, for If-Match."`
}

// ConnectionFields are the optional fields of a create and an update request.
type ConnectionFields struct {
	Status  string      `json:"status,omitempty" enum:"pending,active,revoked" doc:"Only an active connection receives messages. Set by platform admins, whose connections are active by default. A connection that an owner creates is pending until a platform admin has verified the workspace. An owner can set revoked, which only a platform admin can undo."`
	Config  FreeObject  `json:"config,omitempty" doc:"Settings of the channel, such as channel ids. Must not contain secrets. Replaces the whole object."`
	Secrets secretsBody `json:"secrets,omitempty" doc:"Secrets by name. A string sets a secret; null removes it."`
}

type createConnectionInput struct {
	TenantPathInput

	Body struct {
		ConnectionFields

		ChannelType string `json:"channel_type" enum:"slack,whatsapp,mattermost"`
		WorkspaceID string `json:"workspace_id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"Id of the workspace in the channel, such as a Slack team id." example:"T0123ABCD"`
	} `nameHint:"CreateChannelConnection"`
}

type updateConnectionInput struct {
	ConnectionPathInput
	IfMatchInput

	Body struct{ ConnectionFields } `nameHint:"UpdateChannelConnection"`
}

// ConnectionPathInput is the path of a connection.
type ConnectionPathInput struct {
	TenantPathInput

	ConnectionID string `path:"connection_id"`
}

type getConnectionInput struct {
	ConnectionPathInput
	IfNoneMatchInput
}

type listConnectionsInput struct {
	TenantPathInput
	PageInput
	SearchInput

	Sort        string `query:"sort" enum:"created_at,-created_at,workspace_id,-workspace_id,updated_at,-updated_at" default:"created_at" doc:"Order of the items; with - in front, descending."`
	ChannelType string `query:"channel_type" enum:"slack,whatsapp,mattermost" doc:"Return only connections of this channel."`
	Status      string `query:"status" enum:"pending,active,revoked" doc:"Return only connections with this status."`
}

type deleteConnectionInput struct {
	ConnectionPathInput
	IfMatchInput
}

func (s *Server) listConnections(
	ctx context.Context, in *listConnectionsInput,
) (*listOutput[connectionSummary], error) {
	list, err := s.connections.List(ctx, in.sorted(in.Sort, in.SearchInput), operation.ConnectionFilter{
		ChannelType: in.ChannelType, Status: in.Status,
	})
	if err != nil {
		return nil, err
	}
	return viewList(list, summarizeConnection), nil
}

func (s *Server) createConnection(ctx context.Context, in *createConnectionInput) (*itemOutput[connectionView], error) {
	if err := reserve(ctx, property{"status", in.Body.Status != ""}); err != nil {
		return nil, err
	}
	fields := in.Body.fields()
	if fields.Status == "" && requestOf(ctx).principal.IsAdmin {
		// platform admins need not prove that the workspace is theirs
		fields.Status = string(channelconnection.StatusActive)
	}
	row, err := s.connections.Create(ctx, operation.NewConnection{
		ChannelType: in.Body.ChannelType, WorkspaceID: in.Body.WorkspaceID, ConnectionFields: fields,
	})
	if err != nil {
		return nil, err
	}
	requestOf(ctx).setObject(objectConnection, row.ID)
	noteSecrets(ctx, in.Body.Secrets)
	requestOf(ctx).note(slog.String("status", string(row.Status)))
	out := item(row.UpdatedAt, viewConnection(row))
	out.Location = tenantsPath + "/" + row.TenantID.String() + "/channel-connections/" + row.ID.String()
	return out, nil
}

func (s *Server) getConnection(ctx context.Context, in *getConnectionInput) (*itemOutput[connectionView], error) {
	row, err := s.connections.Get(ctx, idOf(in.ConnectionID))
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewConnection(row)), in.notModified(row.UpdatedAt)
}

func (s *Server) updateConnection(ctx context.Context, in *updateConnectionInput) (*itemOutput[connectionView], error) {
	id := idOf(in.ConnectionID)
	revokes := in.Body.Status == string(channelconnection.StatusRevoked)
	if err := reserve(ctx, property{"status", in.Body.Status != "" && !revokes}); err != nil {
		return nil, err
	}
	match, err := required(ctx, in.IfMatchInput, id, s.connections.Get)
	if err != nil {
		return nil, err
	}
	row, before, err := s.connections.Update(ctx, id, match, in.Body.fields())
	if err != nil {
		return nil, err
	}
	noteSecrets(ctx, in.Body.Secrets)
	if row.Status != before {
		requestOf(ctx).note(slog.String("old_status", string(before)), slog.String("new_status", string(row.Status)))
	}
	return item(row.UpdatedAt, viewConnection(row)), nil
}

func (s *Server) deleteConnection(ctx context.Context, in *deleteConnectionInput) (*struct{}, error) {
	return nil, s.connections.Delete(ctx, idOf(in.ConnectionID), in.optional())
}

// noteSecrets adds the names of the secrets that a request sets and removes to its audit event.
func noteSecrets(ctx context.Context, patch secretsBody) {
	var set, removed []string
	for _, name := range slices.Sorted(maps.Keys(patch)) {
		if patch[name] == nil {
			removed = append(removed, name)
		} else {
			set = append(set, name)
		}
	}
	if set != nil {
		requestOf(ctx).note(slog.Any("secrets_set", set))
	}
	if removed != nil {
		requestOf(ctx).note(slog.Any("secrets_removed", removed))
	}
}

// statusNote explains a status to the people who wait for messages.
func statusNote(status channelconnection.Status) string {
	switch status {
	case channelconnection.StatusPending:
		return "Waiting until a platform admin has verified the workspace."
	case channelconnection.StatusRevoked:
		return "Disconnected. Only a platform admin can connect the workspace again."
	case channelconnection.StatusActive:
	}
	return ""
}

func (f ConnectionFields) fields() operation.ConnectionFields {
	return operation.ConnectionFields{
		Status: f.Status, Config: json.RawMessage(f.Config), Secrets: secrets.Patch(f.Secrets),
	}
}

func summarizeConnection(row *ent.ChannelConnection) connectionSummary {
	return connectionSummary{
		ID: row.ID, TenantID: row.TenantID, ChannelType: string(row.ChannelType), WorkspaceID: row.WorkspaceID,
		Status: string(row.Status), StatusNote: statusNote(row.Status),
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, ETag: etag(row.UpdatedAt),
	}
}

func viewConnection(row *ent.ChannelConnection) connectionView {
	return connectionView{
		ID: row.ID, TenantID: row.TenantID, ChannelType: string(row.ChannelType), WorkspaceID: row.WorkspaceID,
		Status: string(row.Status), StatusNote: statusNote(row.Status),
		Config: FreeObject(row.Config), SecretNames: secrets.Names(row.Secrets),
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}

// secretsBody is a secrets.Patch with a schema. It prints no values.
type secretsBody secrets.Patch

// Schema implements [huma.SchemaProvider]. Names and values are validated by package secrets.
func (secretsBody) Schema(huma.Registry) *huma.Schema {
	most := secrets.MaxNames
	return &huma.Schema{
		Type:                 huma.TypeObject,
		AdditionalProperties: &huma.Schema{Type: huma.TypeString, Nullable: true, WriteOnly: true},
		MaxProperties:        &most,
		Examples:             []any{map[string]any{"bot_token": "a token", "old_token": nil}},
	}
}

// String prints names only.
func (b secretsBody) String() string { return secrets.Patch(b).String() }

// GoString implements [fmt.GoStringer] as String does.
func (b secretsBody) GoString() string { return b.String() }

// MarshalJSON implements [json.Marshaler] without a value.
func (b secretsBody) MarshalJSON() ([]byte, error) { return secrets.Patch(b).MarshalJSON() }
