package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longUser = `Makes and changes the portal's users. The first admin is made here, so that no system has a default password.

A password is asked for, and not shown; where standard input is no terminal, its first line is the password:

  konstruct user create --admin ada@example.com
  pass show konstruct/ada | konstruct user create --admin ada@example.com

Whatever takes something from a user (a new password, disabling, demoting) ends the user's sessions.`

func newUser() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Make and change the portal's users", Long: longUser}
	return group(cmd,
		newUserCreate(),
		&cobra.Command{Use: "password EMAIL", Short: "Set a new password", Args: exactArgs(1), RunE: setPassword},
		newUserChange("disable", "Keep a user from logging in", (*account.Users).Disable),
		newUserChange("enable", "Let a disabled user log in again", (*account.Users).Enable),
		newUserChange("promote", "Make a user a platform admin", (*account.Users).Promote),
		newUserChange("demote", "Take the platform admin's rights away", (*account.Users).Demote),
	)
}

// newUserChange is a command that does something to one user.
func newUserChange(use, short string, do func(users *account.Users, ctx context.Context, email string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use + " EMAIL", Short: short, Args: exactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withUsers(cmd, func(users *account.Users) error { return do(users, cmd.Context(), args[0]) })
	}
	return cmd
}

func newUserCreate() *cobra.Command {
	cmd := &cobra.Command{Use: "create EMAIL", Short: "Make a user", Args: exactArgs(1)}
	admin := cmd.Flags().Bool("admin", false, "a platform admin, who may enter every tenant")
	name := cmd.Flags().String("name", "", "the person's name; the address's first part where none is given")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withUsers(cmd, func(users *account.Users) error {
			password, err := askPassword(cmd)
			if err != nil {
				return err
			}
			user := account.NewUser{Email: args[0], Name: *name, Password: password, IsAdmin: *admin}
			if user.Name == "" {
				user.Name, _, _ = strings.Cut(args[0], "@")
			}
			made, err := users.Create(cmd.Context(), user)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "made %s (%s)\n", made.Email, made.ID)
			return nil
		})
	}
	return cmd
}

func setPassword(cmd *cobra.Command, args []string) error {
	return withUsers(cmd, func(users *account.Users) error {
		password, err := askPassword(cmd)
		if err != nil {
			return err
		}
		return users.SetPassword(cmd.Context(), args[0], password)
	})
}

// withUsers opens the server's database, as the server's role, for one operation on users.
func withUsers(cmd *cobra.Command, do func(*account.Users) error) error {
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
	return do(account.NewUsers(ent.NewClient(ent.Driver(drv)), account.Argon2{Params: account.OWASP()}, time.Now))
}

// openDriver connects as the configuration says.
func openDriver(ctx context.Context, c config.Database) (*pgtenant.Driver, error) {
	return pgtenant.Open(ctx, c.URL.Reveal(), pgtenant.WithMaxConns(c.PoolSize()), pgtenant.WithQueryMode(string(c.QueryMode)))
}

// askPassword reads a password twice from a terminal, or once from a pipe.
func askPassword(cmd *cobra.Command) (string, error) {
	file, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
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
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(terminal)
		read <- line{text, err}
	}()
	select {
	case got := <-read:
		return string(got.text), got.err
	case <-cmd.Context().Done():
		return "", errors.Join(cmd.Context().Err(), term.Restore(terminal, before))
	}
}
