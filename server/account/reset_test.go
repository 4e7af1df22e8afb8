package account_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent/portallink"
	"github.com/konstruct/konstruct/server/account"
)

// TestPasswordChangesMeanwhile: what was confirmed with the previous password has no effect.
func TestPasswordChangesMeanwhile(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	change, err := b.profiles.PreparePassword(t.Context(), b.confirmation(t, adaPassword), newPassword)
	require.NoError(t, err)
	link, _ := b.link(t)
	reset, err := b.profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.NoError(t, err)
	require.Equal(t, b.user(t).ID, reset.UserID())

	require.NoError(t, b.users.SetPassword(t.Context(), ada, "another long password"))
	require.ErrorIs(t, b.inTx(t, func(ctx context.Context) error {
		_, err := b.profiles.ChangePassword(ctx, change, account.Principal{})
		return err
	}), account.ErrIncorrect)
	require.ErrorIs(t, b.inTx(t, func(ctx context.Context) error {
		_, err := b.profiles.RequestEmail(ctx, change.Confirmed, "ada@example.org")
		return err
	}), account.ErrIncorrect)
	require.ErrorIs(t, b.inTx(t, func(ctx context.Context) error { return b.profiles.ResetPassword(ctx, reset) }),
		account.ErrLink, "the link was voided")
	b.expect(t, nil, attempt{password: "another long password"})
	require.Zero(t, b.client.PortalLink.Query().CountX(t.Context()))
}

// TestResetOfDisabledUser: disabling a user wins over a reset that is being hashed.
func TestResetOfDisabledUser(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	link, row := b.link(t)
	require.Equal(t, []any{account.ResetLifetime, ada, portallink.KindPasswordReset},
		[]any{row.ExpiresAt.Sub(row.CreatedAt), row.Email, row.Kind})
	reset, err := b.profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.NoError(t, err)
	b.client.PortalUser.Update().SetDisabledAt(b.now).ExecX(t.Context())
	hash := b.user(t).HashedPassword
	dead, ok := errors.AsType[*account.LinkError](b.inTx(t, func(ctx context.Context) error {
		return b.profiles.ResetPassword(ctx, reset)
	}))
	require.True(t, ok)
	require.Equal(t, "unknown", dead.Reason)
	require.Equal(t, hash, b.user(t).HashedPassword)
	require.NoError(t, b.profiles.RequestReset(t.Context(), account.ResetRequest{Email: ada, Action: "forgot"}))
	require.Equal(t, 1, b.client.PortalLink.Query().CountX(t.Context()), "no further link")
}

func TestResetHashFails(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	link, _ := b.link(t)
	b.hasher.hashErr = errHash
	_, err := b.profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.ErrorIs(t, err, errHash)
	_, err = b.profiles.PrepareReset(t.Context(), link, "1234567", netip.Addr{})
	require.ErrorIs(t, err, account.ErrPassword)
	_, err = b.profiles.PreparePassword(t.Context(), b.confirmation(t, adaPassword), newPassword)
	require.ErrorIs(t, err, errHash)
	_, err = b.profiles.PreparePassword(t.Context(), b.confirmation(t, adaPassword), "1234567")
	require.ErrorIs(t, err, account.ErrPassword)
	b.expect(t, nil, attempt{})
}

// TestOperatorsVoidLinks: a change by `konstruct user` voids the user's links, and no others.
func TestOperatorsVoidLinks(t *testing.T) {
	t.Parallel()
	b := setupProfiles(t, noLimits())
	b.createUser(t, "eve@example.com", adaPassword)
	link, _ := b.link(t)
	require.NoError(t, b.users.SetPassword(t.Context(), "eve@example.com", newPassword))
	_, err := b.profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.NoError(t, err)
	require.NoError(t, b.users.Disable(t.Context(), ada))
	require.NoError(t, b.users.Enable(t.Context(), ada))
	_, err = b.profiles.PrepareReset(t.Context(), link, newPassword, netip.Addr{})
	require.ErrorIs(t, err, account.ErrLink)
}
