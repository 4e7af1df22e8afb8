package account_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/ent/portaluser"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/token"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const newPassword = "seven quiet rivers"

// profileBundle has profiles on a joining driver.
type profileBundle struct {
	*testBundle

	profiles *account.Profiles
	joining  dialect.Driver
}

func setupProfiles(t *testing.T, limits account.Limits) *profileBundle {
	t.Helper()
	b := &profileBundle{testBundle: setup(t, limits)}
	b.joining = b.driver.Joining()
	b.options.DB = b.joining
	var err error
	b.logins, err = account.NewLogins(t.Context(), b.options)
	require.NoError(t, err)
	b.profiles = account.NewProfiles(b.logins, b.joining)
	return b
}

func (b *profileBundle) inTx(t *testing.T, do func(ctx context.Context) error) error {
	t.Helper()
	return pgtenant.InTx(t.Context(), b.joining.Tx, func(ctx context.Context, _ dialect.Tx) error { return do(ctx) })
}

func (b *profileBundle) user(t *testing.T) *ent.PortalUser {
	t.Helper()
	return b.client.PortalUser.Query().Where(portaluser.Email(ada)).OnlyX(t.Context())
}

func (b *profileBundle) confirmation(t *testing.T, password string) account.Confirmation {
	t.Helper()
	user := b.user(t)
	return account.Confirmation{User: account.User{ID: user.ID, Email: user.Email}, Password: password}
}

// link asks for a new password, and gives the link a token.
func (b *profileBundle) link(t *testing.T) (linkToken string, row *ent.PortalLink) {
	t.Helper()
	require.NoError(t, b.profiles.RequestReset(t.Context(), account.ResetRequest{Email: ada, Action: "forgot"}))
	row = b.client.PortalLink.Query().Order(ent.Desc(portallink.FieldID)).FirstX(t.Context())
	linkToken, hash := token.New(token.Link)
	b.client.PortalLink.UpdateOne(row).SetTokenHash(hash).ExecX(t.Context())
	return linkToken, row
}

func TestConfirmationsAreCounted(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, tightLimits())
	confirm := func(want error, password string) {
		t.Helper()
		confirmed, err := b.profiles.PrepareChange(t.Context(), b.confirmation(t, password))
		require.ErrorIs(t, err, want)
		require.NoError(t, confirmed.Warning)
	}
	for range 5 {
		confirm(nil, adaPassword)
	}
	require.Zero(t, b.failedAttempts(t), "refunded")
	confirm(account.ErrIncorrect, "wrong horse")
	b.fail(t, 1, attempt{})
	confirm(account.ErrIncorrect, "wrong horse")
	compared := b.hasher.compared.Load()
	confirm(account.ErrTooManyAttempts, adaPassword)
	require.Equal(t, compared, b.hasher.compared.Load())
	b.expect(t, account.ErrTooManyAttempts, attempt{})

	b.now = b.now.Add(time.Minute)
	b.hasher.before = func() error { return errHash }
	confirm(errHash, adaPassword)
	require.Zero(t, b.failedAttempts(t), "nothing was hashed")
	b.hasher.before = nil
	require.NoError(t, b.users.Disable(t.Context(), ada))
	confirm(account.ErrNoSession, adaPassword)
}

func TestConfirmationsHaveAClientLimit(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, account.Limits{Client: account.Limit{Attempts: 1, Window: time.Minute}})
	wrong := b.confirmation(t, "wrong horse")
	wrong.Client = netip.MustParseAddr("192.0.2.1")
	_, err := b.profiles.PrepareChange(t.Context(), wrong)
	require.ErrorIs(t, err, account.ErrIncorrect)
	_, err = b.profiles.PrepareChange(t.Context(), wrong)
	require.ErrorIs(t, err, account.ErrTooManyAttempts)
}

// TestHashingOfChangesIsBounded: changes wait for the slots of logins.
func TestHashingOfChangesIsBounded(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	b.options.Hashing = account.SemaphoreOptions{Concurrency: 1, MaxWaiting: 1}
	logins, err := account.NewLogins(t.Context(), b.options)
	require.NoError(t, err)
	profiles := account.NewProfiles(logins, b.joining)
	link, _ := b.link(t)
	confirmation := b.confirmation(t, adaPassword)

	hold := make(chan struct{})
	b.hasher.before = func() error { <-hold; return nil }
	done := make(chan error, 2)
	for range cap(done) {
		go func() {
			_, err := logins.Login(t.Context(), account.Attempt{Email: ada, Password: adaPassword})
			done <- err
		}()
	}
	require.Eventually(t, func() bool {
		return logins.Stats().UnknownDevices == account.SemaphoreStats{Running: 1, Waiting: 1}
	}, 10*time.Second, time.Millisecond)
	_, err = profiles.PrepareChange(t.Context(), confirmation)
	require.ErrorIs(t, err, account.ErrBusy)
	_, err = profiles.PreparePassword(t.Context(), confirmation, newPassword)
	require.ErrorIs(t, err, account.ErrBusy)
	_, err = profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.ErrorIs(t, err, account.ErrBusy)
	close(hold)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
}

func TestRename(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	before := b.user(t)
	b.now = before.UpdatedAt.Add(-time.Hour) // the clock is behind
	name, err := b.profiles.Rename(t.Context(), before.ID, " Ada L. ")
	require.NoError(t, err)
	require.Equal(t, "Ada L.", name)
	require.Equal(t, name, b.user(t).Name)
	require.Equal(t, before.UpdatedAt.Add(time.Microsecond), b.user(t).UpdatedAt.UTC(), "a newer version")
	for _, invalid := range []string{"", " ", strings.Repeat("a", 201), "a\x00b", "\xff"} {
		_, err := b.profiles.Rename(t.Context(), before.ID, invalid)
		require.ErrorIs(t, err, account.ErrName, "%q", invalid)
	}
	_, err = b.profiles.Rename(t.Context(), uuid.New(), "Ada")
	require.ErrorIs(t, err, account.ErrNoSession)
}

func TestProfilesOnBrokenDatabase(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	link, _ := b.link(t)
	principal := b.expectSession(t, nil, b.expect(t, nil, attempt{}).Token)
	confirmed, err := b.profiles.PrepareChange(t.Context(), b.confirmation(t, adaPassword))
	require.NoError(t, err)
	reset, err := b.profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.NoError(t, err)
	change, err := b.profiles.PreparePassword(t.Context(), b.confirmation(t, adaPassword), newPassword)
	require.NoError(t, err)
	for text, do := range map[string]func(ctx context.Context, p *account.Profiles, s *account.Sessions) error{
		"FROM portal_links l": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			_, err := p.ConfirmEmail(ctx, link)
			return err
		},
		"SET used_at": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			return p.ResetPassword(ctx, reset)
		},
		"DELETE FROM portal_links": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			_, err := p.ChangePassword(ctx, change, principal)
			return err
		},
		"WITH others": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			return p.ResetPassword(ctx, reset)
		},
		"FOR NO KEY UPDATE": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			_, err := p.RequestEmail(ctx, confirmed, "ada@example.org")
			return err
		},
		"INSERT INTO portal_links": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			return p.RequestReset(ctx, account.ResetRequest{Email: ada, Action: "forgot"})
		},
		"SET name": func(ctx context.Context, p *account.Profiles, _ *account.Sessions) error {
			_, err := p.Rename(ctx, principal.ID, "Ada")
			return err
		},
		"session_tenants": func(ctx context.Context, _ *account.Profiles, s *account.Sessions) error {
			_, err := s.Memberships(ctx, principal)
			return err
		},
		"SELECT session_id": func(ctx context.Context, _ *account.Profiles, s *account.Sessions) error {
			_, err := s.List(ctx, principal, uuid.Nil, 10)
			return err
		},
		"AND session_id =": func(ctx context.Context, _ *account.Profiles, s *account.Sessions) error {
			_, err := s.EndOne(ctx, principal, principal.SessionID)
			return err
		},
	} {
		broken := failing{b.joining, text}
		profiles, sessions := account.NewProfiles(b.logins, broken), account.NewSessions(broken, func() time.Time { return b.now })
		require.ErrorIs(t, b.inTx(t, func(ctx context.Context) error { return do(ctx, profiles, sessions) }), errBroken, text)
	}
	b.expectSession(t, nil, b.expect(t, nil, attempt{}).Token) // nothing was changed
	require.NoError(t, b.inTx(t, func(ctx context.Context) error { return b.profiles.ResetPassword(ctx, reset) }))
}
