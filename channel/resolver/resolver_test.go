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

// world is a database with one tenant, which works in workspaceID on Slack.
type world struct {
	*resolver.Resolver

	client *ent.Client
	trips  pgtenant.Trips
	acme   tenancy.ID
	conn   *ent.ChannelConnection
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL, pgtenant.WithMaxConns(1), pgtenant.WithTrips(&w.trips))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	w.client = ent.NewClient(ent.Driver(drv))
	w.Resolver = resolver.New(drv, resolver.Options{Keep: time.Hour})
	w.acme = w.tenant(t, "acme")
	w.conn = w.connect(t, w.acme, channelconnection.StatusActive)
	return w
}

func (w *world) tenant(t *testing.T, slug string) tenancy.ID {
	t.Helper()
	row := w.client.Tenant.Create().SetName(slug).SetSlug(slug).SaveX(t.Context())
	id, err := tenancy.FromUUID(row.ID)
	require.NoError(t, err)
	return id
}

func (w *world) connect(t *testing.T, id tenancy.ID, status channelconnection.Status) *ent.ChannelConnection {
	t.Helper()
	return w.client.ChannelConnection.Create().
		SetChannelType(channelconnection.ChannelTypeSlack).SetWorkspaceID(workspaceID).SetStatus(status).
		SaveX(tenancy.With(t.Context(), id))
}

func TestResolve(t *testing.T) {
	t.Parallel()
	setStatus := func(status channelconnection.Status) func(context.Context, *world) {
		return func(ctx context.Context, w *world) {
			w.client.ChannelConnection.Update().SetStatus(status).ExecX(tenancy.With(ctx, w.acme))
		}
	}
	for name, tc := range map[string]struct {
		change    func(ctx context.Context, w *world)
		channel   message.ChannelType
		workspace string
		found     bool
	}{
		"the right tenant":                            {found: true},
		"an unknown workspace":                        {workspace: "T0NOBODY01"},
		"the right workspace under the wrong channel": {channel: message.Mattermost},
		"a pending connection":                        {change: setStatus(channelconnection.StatusPending)},
		"a revoked connection":                        {change: setStatus(channelconnection.StatusRevoked)},
		"a suspended tenant": {change: func(ctx context.Context, w *world) {
			w.client.Tenant.UpdateOneID(w.acme.UUID()).SetStatus(tenant.StatusSuspended).ExecX(ctx)
		}},
	} {
		for _, kept := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", asked first", true: ", kept from before"}[kept], func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				if kept {
					_, err := w.Resolve(t.Context(), message.Slack, workspaceID)
					require.NoError(t, err)
				}
				if tc.change != nil {
					tc.change(t.Context(), w)
				}
				channel, workspace := message.Slack, workspaceID
				if tc.channel != "" {
					channel = tc.channel
				}
				if tc.workspace != "" {
					workspace = tc.workspace
				}
				got, err := w.Resolve(t.Context(), channel, workspace)
				if !tc.found {
					require.ErrorIs(t, err, resolver.ErrUnknownWorkspace)
					return
				}
				require.NoError(t, err)
				require.Equal(t, resolver.Resolution{Tenant: w.acme, Connection: w.conn.ID}, got)
			})
		}
	}
}

// Some of Slack's messages name only a bot; config says which is ours.
func TestResolveReadsOurBot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		config, want string
	}{
		{`{"bot_id": "B0OURS"}`, "B0OURS"},
		{`{"bot_id": null}`, ""},
		{`{}`, ""},
	} {
		w.client.ChannelConnection.Update().SetConfig(json.RawMessage(tc.config)).ExecX(tenancy.With(t.Context(), w.acme))
		got, err := w.Resolve(t.Context(), message.Slack, workspaceID)
		require.NoError(t, err)
		require.Equal(t, resolver.Resolution{Tenant: w.acme, Connection: w.conn.ID, BotID: tc.want}, got)
	}
}

// A workspace that goes over to another tenant is never answered for the old one.
func TestWorkspaceMovesToAnotherTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
	require.Equal(t, w.acme, got.Tenant)

	w.client.ChannelConnection.Delete().ExecX(tenancy.With(t.Context(), w.acme))
	globex := w.tenant(t, "globex")
	w.connect(t, globex, channelconnection.StatusActive)

	got, err = w.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
	require.Equal(t, globex, got.Tenant)
}

func TestMissIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client.ChannelConnection.Delete().ExecX(tenancy.With(t.Context(), w.acme))
	_, err := w.Resolve(t.Context(), message.Slack, workspaceID)
	require.ErrorIs(t, err, resolver.ErrUnknownWorkspace)
	w.connect(t, w.acme, channelconnection.StatusActive)
	_, err = w.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
}

func TestKeptAnswerCostsOneRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		_, err := w.Resolve(t.Context(), message.Slack, workspaceID)
		require.NoError(t, err)
	}
	before := w.trips.Count()
	_, err := w.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
	require.Equal(t, int64(1), w.trips.Count()-before)
}

// What is no longer confirmed is forgotten: the next question costs one round trip again, and not two.
func TestRevokedConnectionIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.Resolve(t.Context(), message.Slack, workspaceID)
	require.NoError(t, err)
	w.client.ChannelConnection.UpdateOne(w.conn).SetStatus(channelconnection.StatusRevoked).ExecX(tenancy.With(t.Context(), w.acme))
	for _, trips := range []int64{2, 1} {
		before := w.trips.Count()
		_, err = w.Resolve(t.Context(), message.Slack, workspaceID)
		require.ErrorIs(t, err, resolver.ErrUnknownWorkspace)
		require.Equal(t, trips, w.trips.Count()-before)
	}
}

func TestContextOfATenantIsNotSwitched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	globex := w.tenant(t, "globex")
	_, err := w.Resolve(tenancy.With(t.Context(), globex), message.Slack, workspaceID)
	require.ErrorIs(t, err, tenancy.ErrTenantSwitch)
}

func TestDatabaseAwayIsNotAnUnknownWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 { // asked first, and kept from before
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := w.Resolve(ctx, message.Slack, workspaceID)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, resolver.ErrUnknownWorkspace)
		_, err = w.Resolve(t.Context(), message.Slack, workspaceID)
		require.NoError(t, err)
	}
}

// A tenant's connections differ in channel, in workspace or in both. Each resolves to itself, and one that is no longer active
// is not confirmed by another.
func TestEachConnectionOfATenantIsItsOwn(t *testing.T) {
	t.Parallel()
	type place struct {
		channel   channelconnection.ChannelType
		workspace string
	}
	w := newWorld(t)
	ctx := tenancy.With(t.Context(), w.acme)
	conns := map[place]*ent.ChannelConnection{{channelconnection.ChannelTypeSlack, workspaceID}: w.conn}
	for _, p := range []place{
		{channelconnection.ChannelTypeSlack, "T0OTHER001"},
		{channelconnection.ChannelTypeMattermost, workspaceID},
		{channelconnection.ChannelTypeWhatsapp, "T0OTHER001"},
	} {
		conns[p] = w.client.ChannelConnection.Create().SetChannelType(p.channel).SetWorkspaceID(p.workspace).
			SetStatus(channelconnection.StatusActive).SaveX(ctx)
	}
	resolve := func(p place) (resolver.Resolution, error) {
		return w.Resolve(t.Context(), message.ChannelType(p.channel), p.workspace)
	}
	resolveAll := func() {
		for p, conn := range conns {
			for range 2 { // asked first, and kept from before
				got, err := resolve(p)
				require.NoError(t, err, p)
				require.Equal(t, resolver.Resolution{Tenant: w.acme, Connection: conn.ID}, got, p)
			}
		}
	}
	resolveAll()
	for p, conn := range conns {
		w.client.ChannelConnection.UpdateOne(conn).SetStatus(channelconnection.StatusRevoked).ExecX(ctx)
		_, err := resolve(p)
		require.ErrorIs(t, err, resolver.ErrUnknownWorkspace, p)
		w.client.ChannelConnection.UpdateOneID(conn.ID).SetStatus(channelconnection.StatusActive).ExecX(ctx)
		resolveAll()
	}
}
