package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"entgo.io/ent/dialect"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longUser = `Create, change and list the users of the portal. Create the first admin here; there is no default
password.

The password is read from a prompt, or from the first line of standard input if that is not a terminal:

  konstruct user create --admin ada@example.com
  pass show konstruct/ada | konstruct user create --admin ada@example.com

Setting a password, and disabling, promoting or demoting a user, end all sessions of that user. Each change is recorded
in the platform's audit log.`

func newUser() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Create, change and list users of the portal", Long: longUser}
	return group(cmd,
		newUserCreate(),
		&cobra.Command{Use: "list", Short: "List all users", RunE: withUsers(listUsers)},
		&cobra.Command{
			Use: "password EMAIL", Short: "Set the password of a user and clear failed logins", Args: exactArgs(1),
			RunE: withUsers(setPassword),
		},
		&cobra.Command{
			Use: "unlock EMAIL", Short: "Clear the failed logins of a user", Args: exactArgs(1),
			RunE: withUsers(unlock),
		},
		newUserChange("disable", "Disable a user", "disabled %s and ended all sessions", (*account.Users).Disable),
		newUserChange("enable", "Enable a disabled user", "enabled %s", (*account.Users).Enable),
		newUserChange("promote", "Make a user a platform admin",
			"made %s a platform admin and ended all sessions", (*account.Users).Promote),
		newUserChange("demote", "Revoke platform admin rights from a user",
			"revoked platform admin rights from %s and ended all sessions", (*account.Users).Demote),
	)
}

func newUserCreate() *cobra.Command {
	cmd := &cobra.Command{Use: "create EMAIL", Short: "Create a user", Args: exactArgs(1)}
	admin := cmd.Flags().Bool("admin", false, "make the user a platform admin with access to every tenant")
	name := cmd.Flags().String("name", "", "display name (default: the part of the address before @)")
	cmd.RunE = withUsers(func(cmd *cobra.Command, args []string, s userStore) error {
		password, err := readPassword(cmd)
		if err != nil {
			return err
		}
		user := account.NewUser{Email: args[0], Name: *name, Password: password, IsAdmin: *admin}
		if user.Name == "" {
			user.Name, _, _ = strings.Cut(args[0], "@")
		}
		created, err := s.record(cmd.Context(), "create-user", func(ctx context.Context) (account.User, error) {
			return s.users.Create(ctx, user)
		})
		if err != nil {
			return err
		}
		return printf(cmd, "created %s (%s)", created.Email, created.ID)
	})
	return cmd
}

func listUsers(cmd *cobra.Command, _ []string, s userStore) error {
	users, err := s.users.List(cmd.Context())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "EMAIL\tNAME\tADMIN\tSTATUS\tID")
	for _, u := range users {
		status := "enabled"
		if u.DisabledAt != nil {
			status = "disabled since " + u.DisabledAt.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(table, "%s\t%s\t%t\t%s\t%s\n", u.Email, printable(u.Name), u.IsAdmin, status, u.ID)
	}
	return table.Flush()
}

// printable replaces control characters, which could move the cursor or end the line.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
}

func setPassword(cmd *cobra.Command, args []string, s userStore) error {
	password, err := readPassword(cmd)
	if err != nil {
		return err
	}
	err = s.change(cmd.Context(), "set-password", args[0], func(ctx context.Context) error {
		return s.users.SetPassword(ctx, args[0], password)
	})
	if err != nil {
		return err
	}
	if s.attempts == nil {
		return printf(cmd, "set the password of %s and ended all sessions; failed logins were not cleared: %s",
			args[0], errNoAttemptsKey)
	}
	if err := s.attempts.Clear(cmd.Context(), args[0]); err != nil {
		return err
	}
	return printf(cmd, "set the password of %s, ended all sessions and cleared failed logins", args[0])
}

var errNoAttemptsKey = errors.New("KONSTRUCT_SECRETS_KEY is not set (it derives the key under which failed logins " +
	"are counted)")

func unlock(cmd *cobra.Command, args []string, s userStore) error {
	if s.attempts == nil {
		return exit{errNoAttemptsKey, exitUsage}
	}
	user, err := s.users.Find(cmd.Context(), args[0]) // reports a mistyped address
	if err != nil {
		return err
	}
	err = s.change(cmd.Context(), "unlock-user", user.Email, func(ctx context.Context) error {
		return s.attempts.Clear(ctx, user.Email)
	})
	if err != nil {
		return err
	}
	return printf(cmd, "cleared the failed logins of %s", user.Email)
}

func printf(cmd *cobra.Command, format string, args ...any) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

// userStore has no attempts without KONSTRUCT_SECRETS_KEY.
type userStore struct {
	users    *account.Users
	attempts *account.Attempts
	db       dialect.Driver // joins the context's transaction
	audit    *audit.Log     // on db
}

// withUsers returns the RunE of a command on users.
func withUsers(run func(*cobra.Command, []string, userStore) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := load(config.LoadUser)
		if err != nil {
			return err
		}
		return withSchema(cmd.Context(), c.Database, newLogger(c.Log), func(drv *pgtenant.Driver) error {
			db := drv.Joining()
			s := userStore{users: newUsers(ent.NewClient(ent.Driver(db))), db: db, audit: audit.NewLog(db, time.Now)}
			if keys := c.SecretsKeys.Reveal(); len(keys) > 0 {
				if s.attempts, err = account.NewAttempts(db, keys[0]); err != nil {
					return err
				}
			}
			return run(cmd, args, s)
		})
	}
}

func newUsers(client *ent.Client) *account.Users {
	return account.NewUsers(client, account.Argon2{Params: account.OWASP()}, time.Now)
}

func openDriver(ctx context.Context, c config.Database) (*pgtenant.Driver, error) {
	return pgtenant.Open(ctx, c.URL.Reveal(), pgtenant.WithMaxConns(c.PoolSize()),
		pgtenant.WithQueryMode(string(c.QueryMode)))
}

// readPassword reads a password twice from a terminal, or once from a pipe.
func readPassword(cmd *cobra.Command) (string, error) {
	file, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := untilSignal(cmd.Context(), func() (string, error) {
			return bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		})
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	first, err := readHidden(cmd, file, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := readHidden(cmd, file, "Repeat password: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", exit{errors.New("the passwords do not match"), exitUsage}
	}
	return first, nil
}

// readHidden reads a line without echo. A signal cancels it and restores the terminal.
func readHidden(cmd *cobra.Command, file *os.File, prompt string) (string, error) {
	terminal := int(file.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	defer fmt.Fprintln(cmd.ErrOrStderr())
	text, err := untilSignal(cmd.Context(), func() ([]byte, error) { return term.ReadPassword(terminal) })
	if cmd.Context().Err() != nil {
		err = errors.Join(err, term.Restore(terminal, before))
	}
	return string(text), err
}

// untilSignal returns the result of read, or the error of ctx if that is done first.
func untilSignal[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}
