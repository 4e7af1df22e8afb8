package rotation_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/rotation"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/channelconnection"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func box(t *testing.T, fills ...byte) *secrets.Box {
	t.Helper()
	keys := make([][]byte, 0, len(fills))
	for _, fill := range fills {
		keys = append(keys, bytes.Repeat([]byte{fill}, secrets.KeySize))
	}
	b, err := secrets.NewBox(keys)
	require.NoError(t, err)
	return b
}

// harness is a database with tenants. Key 1 is the old one, key 2 the new one.
type harness struct {
	db       *testdb.Database
	driver   *hookedDriver
	client   *ent.Client
	old, new *secrets.Box // one key each
	both     *secrets.Box // seals with the new key
	made     int
}

func newHarness(t *testing.T, options ...pgtenant.Option) *harness {
	t.Helper()
	h := &harness{db: testdb.New(t), old: box(t, 1), new: box(t, 2), both: box(t, 2, 1)}
	drv, err := pgtenant.Open(t.Context(), h.db.AppURL, append(options, pgtenant.WithMaxConns(6))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	h.client = ent.NewClient(ent.Driver(drv))
	h.driver = &hookedDriver{Driver: drv}
	return h
}

// rotation works through a driver that calls the hook before each replacement of a row's secrets.
func (h *harness) rotation() *rotation.Rotation { return rotation.New(h.driver, h.both) }

func (h *harness) tenant(t *testing.T, status tenant.Status) tenancy.ID {
	t.Helper()
	h.made++
	slug := fmt.Sprintf("tenant-%d", h.made)
	row := h.client.Tenant.Create().SetName(slug).SetSlug(slug).SetStatus(status).SaveX(t.Context())
	id, err := tenancy.FromUUID(row.ID)
	require.NoError(t, err)
	return id
}

func ref(row *ent.ChannelConnection) secrets.Ref {
	id, _ := tenancy.FromUUID(row.TenantID)
	return secrets.Ref{Tenant: id, Connection: row.ID, Channel: string(row.ChannelType)}
}

// connect makes a connection with the secrets that b seals.
func (h *harness) connect(t *testing.T, id tenancy.ID, b *secrets.Box, patch secrets.Patch) *ent.ChannelConnection {
	t.Helper()
	h.made++
	row := &ent.ChannelConnection{ID: uuid.Must(uuid.NewV7()), TenantID: id.UUID(), ChannelType: channelconnection.ChannelTypeSlack}
	sealed, err := b.Apply(ref(row), nil, patch)
	require.NoError(t, err)
	return h.client.ChannelConnection.Create().SetID(row.ID).SetChannelType(row.ChannelType).
		SetWorkspaceID(fmt.Sprintf("T%d", h.made)).SetSecrets(sealed).SaveX(tenancy.With(t.Context(), id))
}

func (h *harness) get(t *testing.T, row *ent.ChannelConnection) *ent.ChannelConnection {
	t.Helper()
	return h.client.ChannelConnection.GetX(tenancy.With(t.Context(), ref(row).Tenant), row.ID)
}

// opened are a connection's secrets as they are now, opened with b.
func (h *harness) opened(t *testing.T, b *secrets.Box, row *ent.ChannelConnection) map[string]string {
	t.Helper()
	opened := map[string]string{}
	for name, sealed := range h.get(t, row).Secrets {
		secret, err := b.Open(ref(row), name, sealed)
		require.NoError(t, err, name)
		opened[name] = secret.Reveal()
	}
	return opened
}

// save changes secrets as the API does: read, apply and replace in one transaction, if the version is still the same.
// between, if any, runs after the read.
func (h *harness) save(ctx context.Context, row *ent.ChannelConnection, patch secrets.Patch, between func()) error {
	return pgtenant.InTx(tenancy.With(ctx, ref(row).Tenant), h.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		read, err := tx.ChannelConnection.Get(ctx, row.ID)
		if err != nil {
			return err
		}
		if between != nil {
			between()
		}
		sealed, err := h.both.Apply(ref(row), read.Secrets, patch)
		if err != nil {
			return err
		}
		return tx.ChannelConnection.UpdateOne(read).Where(channelconnection.UpdatedAt(read.UpdatedAt)).
			SetSecrets(sealed).Exec(ctx)
	})
}

// plant writes a row's secrets column as a superuser.
func (h *harness) plant(t *testing.T, row *ent.ChannelConnection, column string) {
	t.Helper()
	conn := h.super(t)
	tag, err := conn.Exec(t.Context(), "update channel_connections set secrets = $1::jsonb where id = $2", column, row.ID)
	require.NoError(t, err)
	require.Equal(t, int64(1), tag.RowsAffected())
}

func (h *harness) super(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// hookedDriver calls before ahead of each direct Exec, with the number of the call, from 1. A rotation's only ones are its
// replacements of secrets.
type hookedDriver struct {
	dialect.Driver

	before func(ctx context.Context, call int64)
	calls  atomic.Int64
}

// Exec implements [dialect.ExecQuerier].
func (d *hookedDriver) Exec(ctx context.Context, query string, args, v any) error {
	if call := d.calls.Add(1); d.before != nil {
		d.before(tenancy.Detach(ctx), call)
	}
	return d.Driver.Exec(ctx, query, args, v)
}
