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

func two(first, second string) secrets.Patch {
	return secrets.Patch{"bot_token": &first, "signing_secret": &second}
}

func TestRunAndCheck(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			runAndCheck(t, newHarness(t, pgtenant.WithQueryMode(mode)))
		})
	}
}

func runAndCheck(t *testing.T, h *harness) {
	t.Helper()
	var rows []*ent.ChannelConnection
	for i, status := range []tenant.Status{tenant.StatusActive, tenant.StatusSuspended, tenant.StatusActive} {
		id := h.tenant(t, status)
		rows = append(rows, h.connect(t, id, h.old, two(fmt.Sprint("bot ", i), "sign")))
	}
	current := h.connect(t, ref(rows[0]).Tenant, h.new, two("current", "too"))
	h.connect(t, ref(rows[1]).Tenant, h.old, nil)
	oldID, newID := h.old.KeyIDs()[0], h.new.KeyIDs()[0]

	want := rotation.Report{
		Keys: []string{newID, oldID}, Found: map[string]int{oldID: 6, newID: 2},
		Tenants: 3, Connections: 5, Empty: 1, Resealed: 6, Current: 2,
	}
	got, err := h.rotation().Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, rows[0].Secrets, h.get(t, rows[0]).Secrets, "a check changes nothing")

	got, err = h.rotation().Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
	for i, row := range rows {
		require.Equal(t, map[string]string{"bot_token": fmt.Sprint("bot ", i), "signing_secret": "sign"}, h.opened(t, h.new, row))
		after := h.get(t, row)
		after.Secrets = row.Secrets
		require.Equal(t, row.String(), after.String(), "nothing but the sealed texts changed, updated_at included")
	}
	require.Equal(t, current.Secrets, h.get(t, current).Secrets, "what is current is not sealed again")

	replaced := h.driver.calls.Load()
	require.Equal(t, int64(3), replaced)
	want.Found, want.Resealed, want.Current = map[string]int{newID: 8}, 0, 8
	for _, again := range []func(context.Context) (rotation.Report, error){h.rotation().Run, h.rotation().Check} {
		got, err = again(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Equal(t, replaced, h.driver.calls.Load(), "a second run writes nothing")
}

func TestWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id := h.tenant(t, tenant.StatusActive)
	lost := box(t, 3)
	good := h.connect(t, id, h.old, two("good", "sign"))
	unknown := h.connect(t, id, lost, secrets.Patch{"bot_token": new("lost")})
	moved := h.connect(t, id, h.old, two("moved", "sign"))
	shapeless := h.connect(t, id, h.old, nil)
	last := h.connect(t, id, h.old, two("last", "sign"))
	h.plant(t, moved, fmt.Sprintf(`{"bot_token": %q, "xoxb-1": "in the clear", "signing_secret": %q}`,
		good.Secrets["bot_token"], moved.Secrets["signing_secret"]))
	h.plant(t, shapeless, `{"bot_token": 9007199254740993}`)

	report, err := h.rotation().Run(t.Context())
	require.NoError(t, err)
	failed := map[uuid.UUID][]string{}
	for _, f := range report.Failures {
		require.Equal(t, id, f.Tenant)
		failed[f.Connection] = append(failed[f.Connection], f.Secret+": "+f.Err.Error())
	}
	require.Equal(t, map[uuid.UUID][]string{
		unknown.ID:   {"bot_token: secrets: sealed with a key that is not configured: key id " + lost.KeyIDs()[0]},
		moved.ID:     {"bot_token: secrets: does not open here", ": secrets: not a sealed text"},
		shapeless.ID: {": secrets: not a sealed text"},
	}, failed, "a text that isn't a name is not repeated")
	require.Equal(t, []string{lost.KeyIDs()[0]}, report.Missing())
	require.Equal(t, 5, report.Resealed)
	require.Equal(t, 5, report.Connections, "also that of which nothing could be read")
	require.Equal(t, map[string]string{"bot_token": "good", "signing_secret": "sign"}, h.opened(t, h.new, good))
	require.Equal(t, map[string]string{"bot_token": "last", "signing_secret": "sign"}, h.opened(t, h.new, last))
	require.Equal(t, unknown.Secrets, h.get(t, unknown).Secrets, "left as it is")
	kept := h.get(t, moved).Secrets
	require.Equal(t, "in the clear", kept["xoxb-1"])
	secret, err := h.new.Open(ref(moved), "signing_secret", kept["signing_secret"])
	require.NoError(t, err, "its neighbors are resealed")
	require.Equal(t, "sign", secret.Reveal())

	check, err := h.rotation().Check(t.Context())
	require.NoError(t, err)
	require.Equal(t, report.Failures, check.Failures)
	require.Zero(t, check.Resealed)
}

// The walk crosses pages of tenants and of connections, stops in the middle, and continues when it is started again.
func TestInterruptedAndStartedAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first := h.tenant(t, tenant.StatusActive)
	var rows []*ent.ChannelConnection
	for range 120 {
		rows = append(rows, h.connect(t, first, h.old, secrets.Patch{"bot_token": new("x")}))
	}
	many := make([]*ent.TenantCreate, 500)
	for i := range many {
		many[i] = h.client.Tenant.Create().SetName(fmt.Sprint("many ", i)).SetSlug(fmt.Sprint("many-", i))
	}
	h.client.Tenant.CreateBulk(many...).ExecX(t.Context())
	rows = append(rows, h.connect(t, h.tenant(t, tenant.StatusActive), h.old, secrets.Patch{"bot_token": new("x")}))

	ctx, cancel := context.WithCancel(t.Context())
	h.driver.before = func(_ context.Context, call int64) {
		if call == 70 {
			cancel()
		}
	}
	stopped, err := h.rotation().Run(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 69, stopped.Resealed)
	require.Empty(t, stopped.Failures)

	rest, err := h.rotation().Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(rows)-69, rest.Resealed)
	require.Equal(t, 69, rest.Current)
	require.Equal(t, 502, rest.Tenants)
	for _, row := range rows {
		require.Equal(t, map[string]string{"bot_token": "x"}, h.opened(t, h.new, row))
	}
}

// saves are what other clients of the API do to a connection at the worst moment.
func TestSavesAtTheWorstMoment(t *testing.T) {
	t.Parallel()
	after := map[string]string{"bot_token": "saved", "signing_secret": "sign"}

	t.Run("between the read and the replacement", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		row := h.connect(t, h.tenant(t, tenant.StatusActive), h.old, two("bot", "sign"))
		h.driver.before = func(ctx context.Context, call int64) {
			if call == 1 {
				require.NoError(t, h.save(ctx, row, secrets.Patch{"bot_token": new("saved")}, nil))
			}
		}
		report, err := h.rotation().Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		require.Equal(t, after, h.opened(t, h.new, row))
	})
	t.Run("around the whole rotation", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		row := h.connect(t, h.tenant(t, tenant.StatusActive), h.old, two("bot", "sign"))
		require.NoError(t, h.save(t.Context(), row, secrets.Patch{"bot_token": new("saved")}, func() {
			report, err := h.rotation().Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, report.Resealed)
		}))
		require.Equal(t, after, h.opened(t, h.new, row), "the secret that was kept did not return to the old key")
	})
	t.Run("each time it is read", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		row := h.connect(t, h.tenant(t, tenant.StatusActive), h.old, two("bot", "sign"))
		h.driver.before = func(context.Context, int64) { // by a server that has only the old key
			sealed, err := h.old.Apply(ref(row), nil, two("saved", "sign"))
			require.NoError(t, err)
			h.client.ChannelConnection.UpdateOneID(row.ID).SetSecrets(sealed).ExecX(tenancy.With(t.Context(), ref(row).Tenant))
		}
		report, err := h.rotation().Run(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Failures, 1)
		require.ErrorContains(t, report.Failures[0].Err, "run again")
		require.Equal(t, after, h.opened(t, h.old, row))
	})
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		row := h.connect(t, h.tenant(t, tenant.StatusActive), h.old, two("bot", "sign"))
		h.driver.before = func(ctx context.Context, _ int64) {
			h.client.ChannelConnection.DeleteOneID(row.ID).ExecX(tenancy.With(ctx, ref(row).Tenant))
		}
		report, err := h.rotation().Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		require.Zero(t, report.Resealed)
	})
	t.Run("locked by a long transaction", func(t *testing.T) {
		t.Parallel()
		h := newHarness(t)
		id := h.tenant(t, tenant.StatusActive)
		locked, free := h.connect(t, id, h.old, two("bot", "sign")), h.connect(t, id, h.old, two("bot", "sign"))
		tx, err := h.super(t).Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "select from channel_connections where id = $1 for update", locked.ID)
		require.NoError(t, err)
		report, err := h.rotation().Run(t.Context())
		require.NoError(t, err)
		require.Len(t, report.Failures, 1)
		require.Equal(t, locked.ID, report.Failures[0].Connection)
		h.opened(t, h.new, free)

		require.NoError(t, tx.Rollback(t.Context()))
		report, err = h.rotation().Run(t.Context())
		require.NoError(t, err)
		require.Empty(t, report.Failures)
		h.opened(t, h.new, locked)
	})
}

// Many clients save while two rotations run: no save is lost, and no secret is left under the old key.
func TestConcurrentSaves(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const saves = 30
	var rows []*ent.ChannelConnection
	for range 3 {
		id := h.tenant(t, tenant.StatusActive)
		rows = append(rows, h.connect(t, id, h.old, two("bot", "0")), h.connect(t, id, h.old, two("bot", "0")))
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(rows)*saves+2)
	for _, row := range rows {
		wg.Go(func() {
			for i := range saves {
				err := h.save(t.Context(), row, secrets.Patch{"signing_secret": new(strconv.Itoa(i + 1))}, nil)
				errs <- err // a rotation changes no version, so no save may be refused
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			report, err := h.rotation().Run(t.Context())
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
		require.Equal(t, map[string]string{"bot_token": "bot", "signing_secret": strconv.Itoa(saves)}, h.opened(t, h.new, row))
	}
}

func TestReportsForPeople(t *testing.T) {
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
2    aaaa000000000002  0        not in use by what could be read
3    aaaa000000000003  0        not in use by what could be read
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
