package resolver_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const workspaceID = "T0ACME0001"

// testBundle is a database with one tenant, which has an active Slack connection to workspaceID.
type testBundle struct {
	client *ent.Client
	trips  pgtenant.RoundTrips
	acme   tenancy.ID
	conn   *ent.ChannelConnection
}

func setup(t *testing.T) (*resolver.Resolver, *testBundle) {
	t.Helper()
	b := &testBundle{}
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL, pgtenant.WithMaxConns(1), pgtenant.WithRoundTrips(&b.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	b.client = ent.NewClient(ent.Driver(drv))
	b.acme = b.tenant(t, "acme")
	b.conn = b.connect(t, b.acme, channelconnection.ChannelTypeSlack, workspaceID)
	return resolver.New(drv, time.Hour), b
}

func (b *testBundle) tenant(t *testing.T, slug string) tenancy.ID {
	t.Helper()
	row := b.client.Tenant.Create().SetName(slug).SetSlug(slug).SaveX(t.Context())
	id, err := tenancy.FromUUID(row.ID)
	require.NoError(t, err)
	return id
}

func (b *testBundle) connect(
	t *testing.T, id tenancy.ID, channelType channelconnection.ChannelType, workspace string,
) *ent.ChannelConnection {
	t.Helper()
	return b.client.ChannelConnection.Create().SetChannelType(channelType).SetWorkspaceID(workspace).
		SetStatus(channelconnection.StatusActive).SaveX(tenancy.With(t.Context(), id))
}

func (b *testBundle) setStatus(ctx context.Context, conn *ent.ChannelConnection, status channelconnection.Status) {
	b.client.ChannelConnection.UpdateOne(conn).SetStatus(status).ExecX(tenancy.With(ctx, b.acme))
}

func TestResolve(t *testing.T) {
	t.Parallel()
	setStatus := func(status channelconnection.Status) func(context.Context, *testBundle) {
		return func(ctx context.Context, b *testBundle) { b.setStatus(ctx, b.conn, status) }
	}
	for name, tc := range map[string]struct {
		change    func(ctx context.Context, b *testBundle)
		channel   message.ChannelType
		workspace string
		found     bool
	}{
		"active connection":    {channel: message.Slack, workspace: workspaceID, found: true},
		"unknown workspace":    {channel: message.Slack, workspace: "T0UNKNOWN1"},
		"another channel type": {channel: message.Mattermost, workspace: workspaceID},
		"pending connection": {
			channel: message.Slack, workspace: workspaceID, change: setStatus(channelconnection.StatusPending),
		},
		"revoked connection": {
			channel: message.Slack, workspace: workspaceID, change: setStatus(channelconnection.StatusRevoked),
		},
		"suspended tenant": {
			channel: message.Slack, workspace: workspaceID, change: func(ctx context.Context, b *testBundle) {
				b.client.Tenant.UpdateOneID(b.acme.UUID()).SetStatus(tenant.StatusSuspended).ExecX(ctx)
			},
		},
	} {
		for _, cached := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", cached"}[cached], func(t *testing.T) {
				t.Parallel()
				r, b := setup(t)
				if cached {
					_, err := r.Resolve(t.Context(), message.Slack, workspaceID)
					require.NoError(t, err)
				}
				if tc.change != nil {
					tc.change(t.Context(), b)
				}
				got, err := r.Resolve(t.Context(), tc.channel, tc.workspace)
				if !tc.found {
					require.ErrorIs(t, err, resolver.ErrUnknownWorkspace)
					return
				}
				require.NoError(t, err)
				require.Equal(t, resolver.Resolution{Tenant: b.acme, Connection: b.conn.ID}, got)
			})
		}
	}
}

func TestResolve_BotID(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	for _, tc := range []struct {
		config, want string
	}{
		{`{"bot_id": "B0OURS"}`, "B0OURS"},
		{`{"bot_id": null}`, ""},
		{`{}`, ""},
	} {
		b.client.ChannelConnection.UpdateOne(b.conn).SetConfig(json.RawMessage(tc.config)).ExecX(tenancy.With(t.Context(), b.acme))
		got, err := r.Resolve(t.Context(), message.Slack, workspaceID)
		require.NoError(t, err)
		require.Equal(t, resolver.Resolution{Tenant: b.acme, Connection: b.conn.ID, BotID: tc.want}, got)
	}
}

func TestResolve_WorkspaceMovesToAnotherTenant(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	got, err := r.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
	require.Equal(t, b.acme, got.Tenant)

	b.client.ChannelConnection.Delete().ExecX(tenancy.With(t.Context(), b.acme))
	globex := b.tenant(t, "globex")
	b.connect(t, globex, channelconnection.ChannelTypeSlack, workspaceID)

	got, err = r.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
	require.Equal(t, globex, got.Tenant)
}

func TestResolve_MissIsNotCached(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	b.client.ChannelConnection.Delete().ExecX(tenancy.With(t.Context(), b.acme))
	_, err := r.Resolve(t.Context(), message.Slack, workspaceID)
	require.ErrorIs(t, err, resolver.ErrUnknownWorkspace)
	b.connect(t, b.acme, channelconnection.ChannelTypeSlack, workspaceID)
	_, err = r.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
}

func TestResolve_RoundTrips(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	requireTrips := func(want int64, wantErr error) {
		t.Helper()
		before := b.trips.Count()
		_, err := r.Resolve(t.Context(), message.Slack, workspaceID)
		require.ErrorIs(t, err, wantErr)
		require.Equal(t, want, b.trips.Count()-before)
	}
	_, err := r.Resolve(t.Context(), message.Slack, workspaceID) // also opens the connection
	require.NoError(t, err)
	requireTrips(1, nil)
	b.setStatus(t.Context(), b.conn, channelconnection.StatusRevoked)
	requireTrips(2, resolver.ErrUnknownWorkspace) // and removes the stale entry
	requireTrips(1, resolver.ErrUnknownWorkspace)
}

func TestResolve_ContextWithTenant(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	globex := b.tenant(t, "globex")
	_, err := r.Resolve(tenancy.With(t.Context(), globex), message.Slack, workspaceID)
	require.ErrorIs(t, err, tenancy.ErrTenantSwitch)
}

func TestResolve_DatabaseError(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for range 2 { // not cached, then cached
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Resolve(ctx, message.Slack, workspaceID)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, resolver.ErrUnknownWorkspace)
		_, err = r.Resolve(t.Context(), message.Slack, workspaceID)
		require.NoError(t, err)
	}
}

// A tenant's connections differ in channel type, workspace or both. An inactive one must not be confirmed by another.
func TestResolve_SeveralConnections(t *testing.T) {
	t.Parallel()
	type key struct {
		channel   channelconnection.ChannelType
		workspace string
	}
	r, b := setup(t)
	conns := map[key]*ent.ChannelConnection{{channelconnection.ChannelTypeSlack, workspaceID}: b.conn}
	for _, k := range []key{
		{channelconnection.ChannelTypeSlack, "T0OTHER001"},
		{channelconnection.ChannelTypeMattermost, workspaceID},
		{channelconnection.ChannelTypeWhatsapp, "T0OTHER001"},
	} {
		conns[k] = b.connect(t, b.acme, k.channel, k.workspace)
	}
	resolve := func(k key) (resolver.Resolution, error) {
		return r.Resolve(t.Context(), message.ChannelType(k.channel), k.workspace)
	}
	requireAll := func() {
		for k, conn := range conns {
			for range 2 { // not cached, then cached
				got, err := resolve(k)
				require.NoError(t, err, k)
				require.Equal(t, resolver.Resolution{Tenant: b.acme, Connection: conn.ID}, got, k)
			}
		}
	}
	requireAll()
	for k, conn := range conns {
		b.setStatus(t.Context(), conn, channelconnection.StatusRevoked)
		_, err := resolve(k)
		require.ErrorIs(t, err, resolver.ErrUnknownWorkspace, k)
		b.setStatus(t.Context(), conn, channelconnection.StatusActive)
		requireAll()
	}
}
