package resolver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/expirable"

	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// ErrUnknownWorkspace is returned when no active connection of an active tenant has the workspace.
var ErrUnknownWorkspace = errors.New("resolver: no tenant is connected to this workspace")

const (
	defaultSize = 4096
	defaultKeep = 5 * time.Second
)

// Options configure the cache. Zero fields have defaults.
type Options struct {
	// Size is how many workspaces are cached. Default 4096.
	Size int
	// Keep is for how long. Default 5 s. A revoked connection is noticed at once nevertheless.
	Keep time.Duration
}

// Resolution is the tenant that a workspace belongs to, and the connection that ties them.
type Resolution struct {
	Tenant     tenancy.ID
	Connection uuid.UUID
	// BotID is our bot's id in the workspace, if the connection's config has one under "bot_id".
	BotID string
}

// Resolver finds tenants. It is safe for concurrent use.
type Resolver struct {
	db   dialect.ExecQuerier
	kept *expirable.LRU[workspace, tenancy.ID]
}

type workspace struct {
	channel message.ChannelType
	id      string
}

// New returns a resolver that asks db, a [*pgtenant.Driver].
func New(db dialect.ExecQuerier, opt Options) *Resolver {
	opt = opt.withDefaults()
	return &Resolver{db: db, kept: expirable.NewLRU[workspace, tenancy.ID](opt.Size, nil, opt.Keep)}
}

// Resolve returns the connection of a workspace. The error is [ErrUnknownWorkspace] if there is none, it is not active, or
// its tenant is suspended; any other error means that the database could not be asked. ctx has no tenant yet.
func (r *Resolver) Resolve(ctx context.Context, channel message.ChannelType, workspaceID string) (Resolution, error) {
	w := workspace{channel: channel, id: workspaceID}
	if tenant, ok := r.kept.Get(w); ok {
		found, err := r.confirm(ctx, w, tenant)
		if !errors.Is(err, ErrUnknownWorkspace) {
			return found, err
		}
		r.kept.Remove(w) // it was true some seconds ago and is not now: ask once more
	}
	tenant, err := r.ask(ctx, w)
	if err != nil {
		return Resolution{}, err
	}
	found, err := r.confirm(ctx, w, tenant)
	if err == nil {
		r.kept.Add(w, tenant)
	}
	return found, err
}

// ask lets PostgreSQL say which tenant it is, without a tenant.
func (r *Resolver) ask(ctx context.Context, w workspace) (tenancy.ID, error) {
	var found uuid.UUID // the nil UUID if the function returns NULL
	err := pgtenant.QueryRow(ctx, r.db, "select resolve_tenant($1, $2)", []any{string(w.channel), w.id}, &found)
	switch {
	case err != nil:
		return tenancy.ID{}, fmt.Errorf("resolver: %w", err)
	case found == uuid.Nil:
		return tenancy.ID{}, ErrUnknownWorkspace
	}
	return tenancy.FromUUID(found)
}

const readConnection = `
select c.id, coalesce(c.config->>'bot_id', '')
  from channel_connections c
  join tenants t on t.id = c.tenant_id
 where c.channel_type = $1 and c.workspace_id = $2 and c.status = 'active' and t.status = 'active'`

// confirm reads the connection under row-level security, as the tenant sees it.
func (r *Resolver) confirm(ctx context.Context, w workspace, tenant tenancy.ID) (Resolution, error) {
	found := Resolution{Tenant: tenant}
	ctx = tenancy.With(ctx, tenant)
	err := pgtenant.QueryRow(ctx, r.db, readConnection, []any{string(w.channel), w.id}, &found.Connection, &found.BotID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Resolution{}, ErrUnknownWorkspace
	case err != nil:
		return Resolution{}, fmt.Errorf("resolver: %w", err)
	}
	return found, nil
}

func (o Options) withDefaults() Options {
	if o.Size <= 0 {
		o.Size = defaultSize
	}
	if o.Keep <= 0 {
		o.Keep = defaultKeep
	}
	return o
}
