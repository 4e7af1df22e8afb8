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

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longUser = `Create and change the portal's users. The first admin is created here, so that no system has a default password.

A password is prompted for and not shown. If standard input is not a terminal, its first line is the password:

  konstruct user create --admin ada@example.com
  pass show konstruct/ada | konstruct user create --admin ada@example.com

A new password, disabling and demoting end the user's sessions.`

func newUser() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Create, change and list the portal's users", Long: longUser}
	return group(cmd,
		newUserCreate(),
		&cobra.Command{Use: "list", Short: "List all users", Args: noArgs, RunE: listUsers},
		&cobra.Command{Use: "password EMAIL", Short: "Set a new password, and unlock", Args: exactArgs(1), RunE: setPassword},
		&cobra.Command{Use: "unlock EMAIL", Short: "Clear a user's failed logins", Args: exactArgs(1), RunE: unlock},
		newUserChange("disable", "Disable a user", "disabled %s and ended their sessions", (*account.Users).Disable),
		newUserChange("enable", "Enable a disabled user", "enabled %s", (*account.Users).Enable),
		newUserChange("promote", "Make a user a platform admin",
			"made %s a platform admin; they must log in again", (*account.Users).Promote),
		newUserChange("demote", "Revoke a user's platform admin rights",
			"%s is no longer a platform admin; their sessions ended", (*account.Users).Demote),
	)
}

// newUserChange is a command that changes one user and prints done.
func newUserChange(use, short, done string, do func(users *account.Users, ctx context.Context, email string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use + " EMAIL", Short: short, Args: exactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withUsers(cmd, func(p people) error {
			if err := do(p.users, cmd.Context(), args[0]); err != nil {
				return err
			}
			return say(cmd, done, args[0])
		})
	}
	return cmd
}

func newUserCreate() *cobra.Command {
	cmd := &cobra.Command{Use: "create EMAIL", Short: "Create a user", Args: exactArgs(1)}
	admin := cmd.Flags().Bool("admin", false, "a platform admin, who may enter every tenant")
	name := cmd.Flags().String("name", "", "the person's name (default: the address up to the @)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withUsers(cmd, func(p people) error {
			password, err := askPassword(cmd)
			if err != nil {
				return err
			}
			user := account.NewUser{Email: args[0], Name: *name, Password: password, IsAdmin: *admin}
			if user.Name == "" {
				user.Name, _, _ = strings.Cut(args[0], "@")
			}
			made, err := p.users.Create(cmd.Context(), user)
			if err != nil {
				return err
			}
			return say(cmd, "created %s (%s)", made.Email, made.ID)
		})
	}
	return cmd
}

func listUsers(cmd *cobra.Command, _ []string) error {
	return withUsers(cmd, func(p people) error {
		users, err := p.users.List(cmd.Context())
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
	})
}

// printable keeps a name from moving the cursor or ending the line.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
}

func setPassword(cmd *cobra.Command, args []string) error {
	return withUsers(cmd, func(p people) error {
		password, err := askPassword(cmd)
		if err != nil {
			return err
		}
		if err := p.users.SetPassword(cmd.Context(), args[0], password); err != nil {
			return err
		}
		if p.attempts == nil {
			return say(cmd, "set the password of %s and ended their sessions; failed logins still count: %s", args[0], errNoAttemptsKey)
		}
		if err := p.attempts.Clear(cmd.Context(), args[0]); err != nil {
			return err
		}
		return say(cmd, "set the password of %s, ended their sessions and cleared failed logins", args[0])
	})
}

var errNoAttemptsKey = errors.New("KONSTRUCT_SECRETS_KEY is not set: failed logins are counted under a key derived from it")

func unlock(cmd *cobra.Command, args []string) error {
	return withUsers(cmd, func(p people) error {
		if p.attempts == nil {
			return exit{errNoAttemptsKey, exitUsage}
		}
		user, err := p.users.Find(cmd.Context(), args[0]) // a mistyped address would be cleared without a word
		if err != nil {
			return err
		}
		if err := p.attempts.Clear(cmd.Context(), user.Email); err != nil {
			return err
		}
		return say(cmd, "cleared the failed logins of %s", user.Email)
	})
}

func say(cmd *cobra.Command, format string, args ...any) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

// people is what the user commands work on. Attempts is nil without the key that they are counted under.
type people struct {
	users    *account.Users
	attempts *account.Attempts
}

// withUsers opens the server's database, as the server's role, for one operation.
func withUsers(cmd *cobra.Command, do func(people) error) error {
	c, err := load(config.LoadUser)
	if err != nil {
		return err
	}
	drv, err := openDriver(cmd.Context(), c.Database)
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	if err := requireSchema(cmd.Context(), c.Database.URL, drv, newLogger(c.Log)); err != nil {
		return err
	}
	p := people{users: account.NewUsers(ent.NewClient(ent.Driver(drv)), account.Argon2{Params: account.OWASP()}, time.Now)}
	if keys := c.SecretsKeys.Reveal(); len(keys) > 0 {
		key, err := account.AttemptsKey(keys[0])
		if err != nil {
			return err
		}
		if p.attempts, err = account.NewAttempts(drv, key); err != nil {
			return err
		}
	}
	return do(p)
}

// openDriver connects as the configuration says.
func openDriver(ctx context.Context, c config.Database) (*pgtenant.Driver, error) {
	return pgtenant.Open(ctx, c.URL.Reveal(), pgtenant.WithMaxConns(c.PoolSize()), pgtenant.WithQueryMode(string(c.QueryMode)))
}

// askPassword reads a password twice from a terminal, or once from a pipe.
func askPassword(cmd *cobra.Command) (string, error) {
	file, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := untilSignal(cmd.Context(), func() (string, error) { return bufio.NewReader(cmd.InOrStdin()).ReadString('\n') })
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	first, err := readHidden(cmd, file, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := readHidden(cmd, file, "Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", exit{errors.New("the two passwords differ"), exitUsage}
	}
	return first, nil
}

// readHidden reads a line without showing it. A signal ends the wait, and gives the terminal its echo back.
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

// untilSignal returns what read returns, or the context's error when that ends first.
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
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
