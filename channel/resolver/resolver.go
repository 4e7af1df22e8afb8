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

// ErrUnknownWorkspace is returned when the workspace has no active connection of an active tenant.
var ErrUnknownWorkspace = errors.New("resolver: unknown workspace")

const (
	// TTL is how long servers cache a workspace. A revoked connection stops resolving at once nevertheless.
	TTL = 5 * time.Second
	// cacheSize is the maximum number of cached workspaces.
	cacheSize = 4096
)

// Resolution is the tenant of a workspace, and the connection between them.
type Resolution struct {
	Tenant     tenancy.ID
	Connection uuid.UUID
	// BotID is our bot's id in the workspace: the connection's config "bot_id", or empty.
	BotID string
}

// Resolver finds tenants. It is safe for concurrent use.
type Resolver struct {
	db    dialect.ExecQuerier
	cache *expirable.LRU[workspace, tenancy.ID]
}

type workspace struct {
	channel message.ChannelType
	id      string
}

// New returns a resolver that queries db, a [*pgtenant.Driver], and caches workspaces for ttl, by default [TTL].
func New(db dialect.ExecQuerier, ttl time.Duration) *Resolver {
	if ttl <= 0 {
		ttl = TTL
	}
	return &Resolver{db: db, cache: expirable.NewLRU[workspace, tenancy.ID](cacheSize, nil, ttl)}
}

// Resolve returns the connection of a workspace. ctx must carry no tenant. The error is [ErrUnknownWorkspace] if there
// is no active connection or its tenant is suspended. Any other error is the database's.
func (r *Resolver) Resolve(ctx context.Context, channel message.ChannelType, workspaceID string) (Resolution, error) {
	w := workspace{channel: channel, id: workspaceID}
	if tenant, ok := r.cache.Get(w); ok {
		found, err := r.confirm(ctx, w, tenant)
		if !errors.Is(err, ErrUnknownWorkspace) {
			return found, err
		}
		r.cache.Remove(w) // stale
	}
	tenant, err := r.lookup(ctx, w)
	if err != nil {
		return Resolution{}, err
	}
	found, err := r.confirm(ctx, w, tenant)
	if err == nil {
		r.cache.Add(w, tenant)
	}
	return found, err
}

// lookup calls resolve_tenant, without a tenant.
func (r *Resolver) lookup(ctx context.Context, w workspace) (tenancy.ID, error) {
	var found uuid.UUID // the nil UUID if the function returns NULL
	err := pgtenant.QueryRow(ctx, r.db, "select resolve_tenant($1, $2)", string(w.channel), w.id).Scan(&found)
	switch {
	case err != nil:
		return tenancy.ID{}, fmt.Errorf("resolver: look up workspace: %w", err)
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

// confirm reads the connection under row-level security, as the tenant.
func (r *Resolver) confirm(ctx context.Context, w workspace, tenant tenancy.ID) (Resolution, error) {
	found := Resolution{Tenant: tenant}
	ctx = tenancy.With(ctx, tenant)
	err := pgtenant.QueryRow(ctx, r.db, readConnection, string(w.channel), w.id).Scan(&found.Connection, &found.BotID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Resolution{}, ErrUnknownWorkspace
	case err != nil:
		return Resolution{}, fmt.Errorf("resolver: read connection: %w", err)
	}
	return found, nil
}
