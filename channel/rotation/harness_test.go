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

// testBundle is a database with an old key (1) and a new one (2).
type testBundle struct {
	db       *testdb.Database
	driver   *hookedDriver
	client   *ent.Client
	old, new *secrets.Box // one key each
	both     *secrets.Box // seals with the new key
	rows     int          // numbers slugs and workspaces
}

// setup returns a rotation whose driver calls the bundle's hook before each replacement of a row's secrets.
func setup(t *testing.T, options ...pgtenant.Option) (*rotation.Rotation, *testBundle) {
	t.Helper()
	b := &testBundle{db: testdb.New(t), old: box(t, 1), new: box(t, 2), both: box(t, 2, 1)}
	drv, err := pgtenant.Open(t.Context(), b.db.AppURL, append(options, pgtenant.WithMaxConns(6))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	b.client = ent.NewClient(ent.Driver(drv))
	b.driver = &hookedDriver{Driver: drv}
	return rotation.New(b.driver, b.both), b
}

func (b *testBundle) tenant(t *testing.T, status tenant.Status) tenancy.ID {
	t.Helper()
	b.rows++
	slug := fmt.Sprintf("tenant-%d", b.rows)
	row := b.client.Tenant.Create().SetName(slug).SetSlug(slug).SetStatus(status).SaveX(t.Context())
	id, err := tenancy.FromUUID(row.ID)
	require.NoError(t, err)
	return id
}

func ref(row *ent.ChannelConnection) secrets.Ref {
	id, _ := tenancy.FromUUID(row.TenantID)
	return secrets.Ref{Tenant: id, Connection: row.ID, Channel: string(row.ChannelType)}
}

// connect creates a connection whose secrets are sealed by box.
func (b *testBundle) connect(t *testing.T, id tenancy.ID, box *secrets.Box, patch secrets.Patch) *ent.ChannelConnection {
	t.Helper()
	b.rows++
	row := &ent.ChannelConnection{ID: uuid.Must(uuid.NewV7()), TenantID: id.UUID(), ChannelType: channelconnection.ChannelTypeSlack}
	sealed, err := box.Apply(ref(row), nil, patch)
	require.NoError(t, err)
	return b.client.ChannelConnection.Create().SetID(row.ID).SetChannelType(row.ChannelType).
		SetWorkspaceID(fmt.Sprintf("T%d", b.rows)).SetSecrets(sealed).SaveX(tenancy.With(t.Context(), id))
}

func (b *testBundle) get(t *testing.T, row *ent.ChannelConnection) *ent.ChannelConnection {
	t.Helper()
	return b.client.ChannelConnection.GetX(tenancy.With(t.Context(), ref(row).Tenant), row.ID)
}

// open returns the current plaintext of a connection's secrets.
func (b *testBundle) open(t *testing.T, box *secrets.Box, row *ent.ChannelConnection) map[string]string {
	t.Helper()
	opened := map[string]string{}
	for name, sealed := range b.get(t, row).Secrets {
		secret, err := box.Open(ref(row), name, sealed)
		require.NoError(t, err, name)
		opened[name] = secret.Reveal()
	}
	return opened
}

// save changes secrets as the API does: read, apply and replace in one transaction, if the version is unchanged.
// afterRead may be nil.
func (b *testBundle) save(ctx context.Context, row *ent.ChannelConnection, patch secrets.Patch, afterRead func()) error {
	return pgtenant.InTx(tenancy.With(ctx, ref(row).Tenant), b.client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		read, err := tx.ChannelConnection.Get(ctx, row.ID)
		if err != nil {
			return err
		}
		if afterRead != nil {
			afterRead()
		}
		sealed, err := b.both.Apply(ref(row), read.Secrets, patch)
		if err != nil {
			return err
		}
		return tx.ChannelConnection.UpdateOne(read).Where(channelconnection.UpdatedAt(read.UpdatedAt)).
			SetSecrets(sealed).Exec(ctx)
	})
}

// overwrite sets a row's secrets column as superuser.
func (b *testBundle) overwrite(t *testing.T, row *ent.ChannelConnection, column string) {
	t.Helper()
	conn := b.super(t)
	tag, err := conn.Exec(t.Context(), "update channel_connections set secrets = $1::jsonb where id = $2", column, row.ID)
	require.NoError(t, err)
	require.Equal(t, int64(1), tag.RowsAffected())
}

func (b *testBundle) super(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.SuperURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// hookedDriver calls before with the number of the call, from 1, ahead of each direct Exec. A rotation's only direct
// Exec replaces secrets.
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
