package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	entmigrate "github.com/konstruct/konstruct/ent/migrate"
	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

const longMigrate = `Apply, inspect and write migrations: versioned SQL embedded in this program.

"up" and "status" connect to MIGRATION_DATABASE_URL, as konstruct_owner. As a superuser, "up" also creates the
roles.

"check", "diff" and "snapshot" need a scratch server. By default they start a temporary PostgreSQL; use --scratch-url to
name another.`

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Apply, inspect and write migrations", Long: longMigrate}
	return group(cmd,
		&cobra.Command{
			Use: "up", Short: "Apply pending migrations", RunE: migrateUp,
		},
		&cobra.Command{
			Use: "status", Short: "List applied and pending migrations; exit with 5 if any are pending",
			RunE: migrateStatus,
		},
		newMigrateCheck(), newMigrateDiff(), newMigrateHash(), newMigrateSnapshot(), newMigrateBootstrap(),
	)
}

func migrateUp(cmd *cobra.Command, _ []string) error {
	c, err := load(config.LoadMigrate)
	if err != nil {
		return err
	}
	done, err := migrate.Up(cmd.Context(), migrate.Options{
		URL: c.Owner.OwnerURL.Reveal(), Operator: operator(), Logger: newLogger(c.Log),
	})
	if err != nil {
		return explainDatabase("MIGRATION_DATABASE_URL", c.Owner.OwnerURL, err)
	}
	for _, file := range done.Applied {
		fmt.Fprintln(cmd.OutOrStdout(), "applied", file)
	}
	return printf(cmd, "%s is up to date: %d migrations, %d applied now\n"+
		"Next: %[4]s user create --admin you@example.com, then %[4]s serve",
		c.Owner.OwnerURL, done.Current+len(done.Applied), len(done.Applied), programName())
}

func migrateStatus(cmd *cobra.Command, _ []string) error {
	c, err := load(config.LoadMigrate)
	if err != nil {
		return err
	}
	chains, err := migrate.Status(cmd.Context(), migrate.Options{URL: c.Owner.OwnerURL.Reveal()})
	if err != nil {
		return explainDatabase("MIGRATION_DATABASE_URL", c.Owner.OwnerURL, err)
	}
	pending := 0
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, chain := range chains {
		pending += len(chain.Pending())
		for _, f := range chain.Files {
			fmt.Fprintf(out, "%s\t%s\n", f.Name, appliedAt(f))
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, chain := range chains {
		if chain.Problem != nil {
			return exit{chain.Problem, exitPending}
		}
	}
	if pending > 0 {
		return exit{fmt.Errorf("%d migrations are pending; run konstruct migrate up", pending), exitPending}
	}
	return nil
}

func appliedAt(f migrate.FileStatus) string {
	if f.AppliedAt.IsZero() {
		return "pending"
	}
	return f.AppliedAt.Format(time.RFC3339)
}

func newMigrateCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check that migrations, Ent schema, hashes and row-level security agree",
	}
	return onScratch(cmd, func(cmd *cobra.Command, _ []string, url string) error {
		return printChecks(cmd.OutOrStdout(), migrate.Check(cmd.Context(), migrate.CheckOptions{
			Tables: entmigrate.Tables, Spec: migrate.Spec(), ScratchURL: url, Doctor: examineScratch,
		}))
	})
}

// examineScratch runs the doctor on a scratch database and ignores warnings, which are about a live server.
func examineScratch(ctx context.Context, conn *pgx.Conn) error {
	report, err := doctor.Check(ctx, conn, migrate.Spec())
	if err != nil {
		return err
	}
	return report.Err()
}

func printChecks(out io.Writer, results []migrate.CheckResult) error {
	var failed []error
	for _, r := range results {
		verdict := "ok"
		if r.Err != nil {
			verdict = r.Err.Error()
			failed = append(failed, fmt.Errorf("%s failed", r.Step))
		}
		fmt.Fprintf(out, "%-10s %s\n", r.Step, verdict)
	}
	if err := errors.Join(failed...); err != nil {
		return exit{err, exitPending}
	}
	return nil
}

func newMigrateDiff() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff NAME",
		Short: "Write a migration for the changes of the Ent schema, with row-level security for new tables",
		Args:  exactArgs(1),
	}
	dir := dirFlag(cmd)
	drops := cmd.Flags().Bool("allow-drops", false, "allow the migration to drop tables and columns with their data")
	return onScratch(cmd, func(cmd *cobra.Command, args []string, url string) error {
		plan, err := migrate.Diff(cmd.Context(), migrate.DiffOptions{
			Name: args[0], Dir: *dir, Tables: entmigrate.Tables, Spec: migrate.Spec(),
			ScratchURL: url, AllowDrops: *drops, Now: time.Now(),
		})
		if err != nil {
			return err
		}
		if plan.File == "" {
			return printf(cmd, "The migrations match the Ent schema; nothing to write.")
		}
		return printf(cmd, "%s\nWrote %s. Review it, then run task migrate.", plan.SQL, plan.File)
	})
}

func newMigrateHash() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Update atlas.sum after editing migrations that were never applied",
	}
	dir := dirFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return migrate.Hash(*dir) }
	return cmd
}

func newMigrateSnapshot() *cobra.Command {
	cmd := &cobra.Command{Use: "snapshot", Short: "Update snapshot.json after writing a migration by hand"}
	dir := dirFlag(cmd)
	return onScratch(cmd, func(cmd *cobra.Command, _ []string, url string) error {
		return migrate.WriteSnapshot(cmd.Context(), migrate.SnapshotOptions{Dir: *dir, ScratchURL: url})
	})
}

func newMigrateBootstrap() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Print the SQL that a superuser runs once on a new database",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), migrate.BootstrapSQL())
			return err
		},
	}
	cmd.Flags().Bool("print", true, "print the SQL; \"migrate up\" as a superuser runs it")
	return cmd
}

func dirFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("dir", "migrate/migrations", "directory of the migrations")
}

// onScratch makes cmd call run with a scratch server's superuser URL, by default of a temporary server.
func onScratch(cmd *cobra.Command, run func(cmd *cobra.Command, args []string, url string) error) *cobra.Command {
	scratch := cmd.Flags().String("scratch-url", "",
		"superuser URL of the scratch server, without a password; set PGPASSFILE (default: a temporary PostgreSQL)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *scratch != "" {
			return run(cmd, args, *scratch)
		}
		config.IgnoreLibpq(true)
		ctx := cmd.Context()
		pg, err := local.StartPostgres(ctx, local.PostgresOptions{Throwaway: true})
		if err != nil {
			return err
		}
		return errors.Join(run(cmd, args, pg.SuperuserDSN()), pg.Stop(context.WithoutCancel(ctx)))
	}
	return cmd
}
