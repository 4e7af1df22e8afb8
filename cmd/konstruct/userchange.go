package main

import (
	"context"

	"entgo.io/ent/dialect"
	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// newUserChange returns a command that changes one user and prints done.
func newUserChange(
	use, short, done string, do func(users *account.Users, ctx context.Context, email string) error,
) *cobra.Command {
	cmd := &cobra.Command{Use: use + " EMAIL", Short: short, Args: exactArgs(1)}
	cmd.RunE = withUsers(func(cmd *cobra.Command, args []string, s userStore) error {
		err := s.change(cmd.Context(), use+"-user", args[0], func(ctx context.Context) error {
			return do(s.users, ctx, args[0])
		})
		if err != nil {
			return err
		}
		return printf(cmd, done, args[0])
	})
	return cmd
}

// change changes the user with the address in one transaction with its audit event.
func (s userStore) change(ctx context.Context, action, email string, do func(context.Context) error) error {
	_, err := s.record(ctx, action, func(ctx context.Context) (account.User, error) {
		if err := do(ctx); err != nil {
			return account.User{}, err
		}
		return s.users.Find(ctx, email)
	})
	return err
}

// record does something to a user in one transaction with its event in the platform's audit log. The event has no
// actor: an operator is known to the machine, not to the portal.
func (s userStore) record(
	ctx context.Context, action string, do func(context.Context) (account.User, error),
) (user account.User, err error) {
	err = pgtenant.InTx(ctx, s.db.Tx, func(ctx context.Context, _ dialect.Tx) error {
		if user, err = do(ctx); err != nil {
			return err
		}
		return s.audit.RecordPlatform(ctx, audit.Event{
			Action: action, ObjectType: "user", ObjectID: user.ID, Details: map[string]any{"is_admin": user.IsAdmin},
		})
	})
	return user, err
}
