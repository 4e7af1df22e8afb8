package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/rotation"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

func twoSecrets(first, second string) secrets.Patch {
	return secrets.Patch{"bot_token": &first, "signing_secret": &second}
}

func TestRotation_RunAndCheck(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			testRunAndCheck(t, mode)
		})
	}
}

func testRunAndCheck(t *testing.T, queryMode string) {
	t.Helper()
	r, b := setup(t, pgtenant.WithQueryMode(queryMode))
	var rows []*ent.ChannelConnection
	for i, status := range []tenant.Status{tenant.StatusActive, tenant.StatusSuspended, tenant.StatusActive} {
		id := b.tenant(t, status)
		rows = append(rows, b.connect(t, id, b.old, twoSecrets(fmt.Sprint("bot ", i), "sign")))
	}
	current := b.connect(t, ref(rows[0]).Tenant, b.new, twoSecrets("current", "sign"))
	b.connect(t, ref(rows[1]).Tenant, b.old, nil)
	oldID, newID := b.old.KeyIDs()[0], b.new.KeyIDs()[0]

	want := rotation.Report{
		Keys: []string{newID, oldID}, Found: map[string]int{oldID: 6, newID: 2},
		Tenants: 3, Connections: 5, Empty: 1, Resealed: 6, Current: 2,
	}
	got, err := r.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, rows[0].Secrets, b.get(t, rows[0]).Secrets, "Check changes nothing")

	got, err = r.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
	for i, row := range rows {
		require.Equal(t, map[string]string{"bot_token": fmt.Sprint("bot ", i), "signing_secret": "sign"}, b.open(t, b.new, row))
		after := b.get(t, row)
		after.Secrets = row.Secrets
		require.Equal(t, row.String(), after.String(), "only the sealed texts changed, not updated_at")
	}
	require.Equal(t, current.Secrets, b.get(t, current).Secrets, "current secrets are not sealed again")

	replaced := b.driver.calls.Load()
	require.Equal(t, int64(3), replaced)
	want.Found, want.Resealed, want.Current = map[string]int{newID: 8}, 0, 8
	for _, repeat := range []func(context.Context) (rotation.Report, error){r.Run, r.Check} {
		got, err = repeat(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, replaced, b.driver.calls.Load(), "a second run writes nothing")
}

func TestRotation_Failures(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	id := b.tenant(t, tenant.StatusActive)
	missing := box(t, 3)
	good := b.connect(t, id, b.old, twoSecrets("good", "sign"))
	unknown := b.connect(t, id, missing, secrets.Patch{"bot_token": new("x")})
	moved := b.connect(t, id, b.old, twoSecrets("moved", "sign"))
	malformed := b.connect(t, id, b.old, nil)
	last := b.connect(t, id, b.old, twoSecrets("last", "sign"))
	b.overwrite(t, moved, fmt.Sprintf(`{"bot_token": %q, "xoxb-1": "plaintext", "signing_secret": %q}`,
		good.Secrets["bot_token"], moved.Secrets["signing_secret"]))
	b.overwrite(t, malformed, `{"bot_token": 9007199254740993}`)

	report, err := r.Run(t.Context())
	require.NoError(t, err)
	failed := map[uuid.UUID][]string{}
	for _, f := range report.Failures {
		require.Equal(t, id, f.Tenant)
		failed[f.Connection] = append(failed[f.Connection], f.Secret+": "+f.Err.Error())
	}
	require.Equal(t, map[uuid.UUID][]string{
		unknown.ID:   {"bot_token: secrets: sealed with a key that is not configured: key id " + missing.KeyIDs()[0]},
		moved.ID:     {"bot_token: secrets: decryption failed", ": secrets: not a sealed text"},
		malformed.ID: {": secrets: not a sealed text"},
	}, failed, "an invalid name is not reported")
	require.Equal(t, []string{missing.KeyIDs()[0]}, report.Missing())
	require.Equal(t, 5, report.Resealed)
	require.Equal(t, 5, report.Connections, "the malformed one is counted")
	require.Equal(t, map[string]string{"bot_token": "good", "signing_secret": "sign"}, b.open(t, b.new, good))
	require.Equal(t, map[string]string{"bot_token": "last", "signing_secret": "sign"}, b.open(t, b.new, last))
	require.Equal(t, unknown.Secrets, b.get(t, unknown).Secrets, "unchanged")
	kept := b.get(t, moved).Secrets
	require.Equal(t, "plaintext", kept["xoxb-1"])
	secret, err := b.new.Open(ref(moved), "signing_secret", kept["signing_secret"])
	require.NoError(t, err, "the other secret is resealed")
	require.Equal(t, "sign", secret.Reveal())

	check, err := r.Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, report.Failures, check.Failures)
	require.Zero(t, check.Resealed)
}

// The walk crosses pages of tenants and of connections.
func TestRotation_Interrupted(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	first := b.tenant(t, tenant.StatusActive)
	var rows []*ent.ChannelConnection
	for range 120 {
		rows = append(rows, b.connect(t, first, b.old, secrets.Patch{"bot_token": new("x")}))
	}
	many := make([]*ent.TenantCreate, 500)
	for i := range many {
		many[i] = b.client.Tenant.Create().SetName(fmt.Sprint("tenant ", i)).SetSlug(fmt.Sprint("more-", i))
	}
	b.client.Tenant.CreateBulk(many...).ExecX(t.Context())
	rows = append(rows, b.connect(t, b.tenant(t, tenant.StatusActive), b.old, secrets.Patch{"bot_token": new("x")}))

	ctx, cancel := context.WithCancel(t.Context())
	b.driver.before = func(_ context.Context, call int64) {
		if call == 70 {
			cancel()
		}
	}
	stopped, err := r.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 69, stopped.Resealed)
	require.Empty(t, stopped.Failures)

	rest, err := r.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(rows)-69, rest.Resealed)
	require.Equal(t, 69, rest.Current)
	require.Equal(t, 502, rest.Tenants)
	for _, row := range rows {
		require.Equal(t, map[string]string{"bot_token": "x"}, b.open(t, b.new, row))
	}
}

// setupConnection also returns a connection with two secrets under the old key.
func setupConnection(t *testing.T) (*rotation.Rotation, *testBundle, *ent.ChannelConnection) {
	t.Helper()
	r, b := setup(t)
	row := b.connect(t, b.tenant(t, tenant.StatusActive), b.old, twoSecrets("bot", "sign"))
	return r, b, row
}

func TestRotation_ConcurrentChange(t *testing.T) {
	t.Parallel()
	after := map[string]string{"bot_token": "saved", "signing_secret": "sign"}

	t.Run("saved between read and replacement", func(t *testing.T) {
		t.Parallel()
		r, b, row := setupConnection(t)
		b.driver.before = func(ctx context.Context, call int64) {
			if call == 1 {
				require.NoError(t, b.save(ctx, row, secrets.Patch{"bot_token": new("saved")}, nil))
			}
		}
		report, err := r.Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		require.Equal(t, after, b.open(t, b.new, row))
	})
	t.Run("saved around the whole rotation", func(t *testing.T) {
		t.Parallel()
		r, b, row := setupConnection(t)
		require.NoError(t, b.save(t.Context(), row, secrets.Patch{"bot_token": new("saved")}, func() {
			report, err := r.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, report.Resealed)
		}))
		require.Equal(t, after, b.open(t, b.new, row), "the kept secret stays under the new key")
	})
	t.Run("saved on every attempt", func(t *testing.T) {
		t.Parallel()
		r, b, row := setupConnection(t)
		b.driver.before = func(context.Context, int64) { // as a server with only the old key does
			sealed, err := b.old.Apply(ref(row), nil, twoSecrets("saved", "sign"))
			require.NoError(t, err)
			b.client.ChannelConnection.UpdateOneID(row.ID).SetSecrets(sealed).ExecX(tenancy.With(t.Context(), ref(row).Tenant))
		}
		report, err := r.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Failures, 1)
		require.ErrorContains(t, report.Failures[0].Err, "run again")
		require.Equal(t, after, b.open(t, b.old, row))
	})
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		r, b, row := setupConnection(t)
		b.driver.before = func(ctx context.Context, _ int64) {
			b.client.ChannelConnection.DeleteOneID(row.ID).ExecX(tenancy.With(ctx, ref(row).Tenant))
		}
		report, err := r.Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		require.Zero(t, report.Resealed)
	})
	t.Run("locked", func(t *testing.T) {
		t.Parallel()
		r, b := setup(t)
		id := b.tenant(t, tenant.StatusActive)
		locked, free := b.connect(t, id, b.old, twoSecrets("bot", "sign")), b.connect(t, id, b.old, twoSecrets("bot", "sign"))
		tx, err := b.super(t).Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "select from channel_connections where id = $1 for update", locked.ID)
		require.NoError(t, err)
		report, err := r.Run(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Failures, 1)
		require.Equal(t, locked.ID, report.Failures[0].Connection)
		b.open(t, b.new, free)

		require.NoError(t, tx.Rollback(t.Context()))
		report, err = r.Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		b.open(t, b.new, locked)
	})
}

// No save is lost, and no secret stays under the old key.
func TestRotation_ManyConcurrentSaves(t *testing.T) {
	t.Parallel()
	r, b := setup(t)
	const saves = 30
	var rows []*ent.ChannelConnection
	for range 3 {
		id := b.tenant(t, tenant.StatusActive)
		rows = append(rows, b.connect(t, id, b.old, twoSecrets("bot", "0")), b.connect(t, id, b.old, twoSecrets("bot", "0")))
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(rows)*saves+2)
	for _, row := range rows {
		wg.Go(func() {
			for i := range saves {
				err := b.save(t.Context(), row, secrets.Patch{"signing_secret": new(strconv.Itoa(i + 1))}, nil)
				errs <- err // a rotation changes no version, so no save may fail
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			report, err := r.Run(t.Context())
			for _, f := range report.Failures {
				err = errors.Join(err, f.Err)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for _, row := range rows {
		require.Equal(t, map[string]string{"bot_token": "bot", "signing_secret": strconv.Itoa(saves)}, b.open(t, b.new, row))
	}
}

func TestReport_Text(t *testing.T) {
	t.Parallel()
	id, err := tenancy.Parse("0198f3a0-0000-7000-8000-00000000000a")
	require.NoError(t, err)
	connection := uuid.MustParse("0198f3a0-0000-7000-8000-0000000000c1")
	report := rotation.Report{
		Keys:    []string{"aaaa000000000001", "aaaa000000000002", "aaaa000000000003"},
		Found:   map[string]int{"aaaa000000000001": 3, "aaaa000000000002": 4},
		Tenants: 2, Connections: 5, Empty: 1, Resealed: 4, Current: 3,
	}
	failing := report
	failing.Found = map[string]int{"ffff000000000000": 1}
	failing.Failures = []rotation.Failure{
		{Tenant: id, Connection: connection, Secret: "bot_token", Err: secrets.ErrUnknownKey},
		{Tenant: id, Connection: connection, Err: secrets.ErrNotSealed},
	}
	for _, tc := range []struct{ got, want string }{
		{text(report.WriteRun), `Newest key: aaaa000000000001
Resealed: 4, already current: 3, failed: 0
Visited: 2 tenants, 5 connections (1 without secrets)
`},
		{text(report.WriteCheck), `KEY  ID                SECRETS
1    aaaa000000000001  3        newest
2    aaaa000000000002  4        in use
3    aaaa000000000003  0        not in use, can be removed
Visited: 2 tenants, 5 connections (1 without secrets)
`},
		{text(failing.WriteCheck), `KEY  ID                SECRETS
1    aaaa000000000001  0        newest
2    aaaa000000000002  0        unknown, some secrets could not be read
3    aaaa000000000003  0        unknown, some secrets could not be read
?    ffff000000000000  1        in use, but not configured
Visited: 2 tenants, 5 connections (1 without secrets)
FAILED tenant 0198f3a0-0000-7000-8000-00000000000a connection 0198f3a0-0000-7000-8000-0000000000c1 secret bot_token: secrets: sealed with a key that is not configured
FAILED tenant 0198f3a0-0000-7000-8000-00000000000a connection 0198f3a0-0000-7000-8000-0000000000c1: secrets: not a sealed text
`},
	} {
		require.Equal(t, tc.want, tc.got)
	}
	for _, write := range []func(io.Writer) error{report.WriteRun, report.WriteCheck, failing.WriteRun, failing.WriteCheck} {
		reader, writer := io.Pipe()
		require.NoError(t, reader.Close())
		require.ErrorIs(t, write(writer), io.ErrClosedPipe)
	}
}

func text(write func(out io.Writer) error) string {
	var out strings.Builder
	if err := write(&out); err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.TrimRight(line, " \n")+"\n")
	}
	return strings.Join(lines, "")
}
