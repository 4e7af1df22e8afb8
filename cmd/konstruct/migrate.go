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

const longMigrate = `Migrations are versioned SQL, embedded in this program, and run as the owner of the database:

  MIGRATION_DATABASE_URL    konstruct_owner's URL; or a superuser's, who is also asked to make the roles

"diff" and "check" need a PostgreSQL to try things on. They start one of their own for the moment, or use the superuser's
URL that --scratch-url names.`

func newMigrate() *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "Bring a database to this program's schema", Long: longMigrate}
	return group(cmd,
		&cobra.Command{
			Use: "up", Short: "Apply what is pending; a second one waits, or finds nothing to do",
			Args: noArgs, RunE: migrateUp,
		},
		&cobra.Command{
			Use: "status", Short: "Show what is applied and what is pending (exit code 5)",
			Args: noArgs, RunE: migrateStatus,
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
	fmt.Fprintf(cmd.OutOrStdout(), "%s is current: %d migrations, %d of them new\n",
		c.Owner.OwnerURL, done.Current+len(done.Applied), len(done.Applied))
	fmt.Fprintf(cmd.OutOrStdout(), "Next: %[1]s user create --admin you@example.com, then %[1]s serve\n", programName())
	return nil
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
		return exit{fmt.Errorf("%d migrations are pending: konstruct migrate up", pending), exitPending}
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
		Short: "Prove that migrations, schema, hashes and protection agree",
		Args:  noArgs,
	}
	scratch := scratchFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return onScratch(cmd.Context(), *scratch, func(url string) error {
			return printChecks(cmd.OutOrStdout(), migrate.Check(cmd.Context(), migrate.CheckOptions{
				Tables: entmigrate.Tables, Spec: migrate.Spec(), ScratchURL: url, Doctor: examine,
			}))
		})
	}
	return cmd
}

// examine is the doctor's verdict on a scratch database; warnings are the server's and not the migrations'.
func examine(ctx context.Context, conn *pgx.Conn) error {
	report, err := doctor.Check(ctx, conn, migrate.Spec())
	if err != nil {
		return err
	}
	return report.Err()
}

func printChecks(out io.Writer, results []migrate.CheckResult) error {
	var faults []error
	for _, r := range results {
		verdict := "ok"
		if r.Err != nil {
			verdict = r.Err.Error()
			faults = append(faults, fmt.Errorf("%s failed", r.Step))
		}
		fmt.Fprintf(out, "%-10s %s\n", r.Step, verdict)
	}
	if err := errors.Join(faults...); err != nil {
		return exit{err, exitPending}
	}
	return nil
}

func newMigrateDiff() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff NAME",
		Short: "Plan the migration from the files to the Ent schema, with the protection of new tables",
		Args:  exactArgs(1),
	}
	scratch := scratchFlag(cmd)
	dir := dirFlag(cmd)
	drops := cmd.Flags().Bool("allow-drops", false, "write a plan that drops tables or columns, and their data")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return onScratch(cmd.Context(), *scratch, func(url string) error {
			plan, err := migrate.Diff(cmd.Context(), migrate.DiffOptions{
				Name: args[0], Dir: *dir, Tables: entmigrate.Tables, Spec: migrate.Spec(),
				ScratchURL: url, AllowDrops: *drops, Now: time.Now(),
			})
			if err != nil {
				return err
			}
			if plan.File == "" {
				fmt.Fprintln(cmd.OutOrStdout(), "The migrations make what the schema says: there is nothing to plan.")
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nwritten to %s: read it, then task migrate\n", plan.SQL, plan.File)
			return nil
		})
	}
	return cmd
}

func newMigrateHash() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Write atlas.sum anew after a hand-written change to files that were never applied",
		Args:  noArgs,
	}
	dir := dirFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return migrate.Hash(*dir) }
	return cmd
}

func newMigrateSnapshot() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Renew snapshot.json after a migration was written by hand",
		Args:  noArgs,
	}
	scratch := scratchFlag(cmd)
	dir := dirFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return onScratch(cmd.Context(), *scratch, func(url string) error {
			return migrate.WriteSnapshot(cmd.Context(), migrate.SnapshotOptions{Dir: *dir, ScratchURL: url})
		})
	}
	return cmd
}

func newMigrateBootstrap() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Print the SQL that a superuser runs once in a new database",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), migrate.BootstrapSQL())
			return err
		},
	}
	cmd.Flags().Bool("print", true, "print it; \"migrate up\" with a superuser's URL runs it")
	return cmd
}

func dirFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("dir", "migrate/migrations", "the folder of migrations")
}

func scratchFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("scratch-url", "",
		"a superuser's URL of a server to try things on, without a password in it (see PGPASSFILE)")
}

// onScratch runs do with a superuser's URL of a server to try things on.
func onScratch(ctx context.Context, url string, do func(url string) error) error {
	if url != "" {
		return do(url)
	}
	config.IgnoreLibpq(true)
	pg, err := local.StartPostgres(ctx, local.PostgresOptions{Throwaway: true})
	if err != nil {
		return err
	}
	return errors.Join(do(pg.SuperuserDSN()), pg.Stop(context.WithoutCancel(ctx)))
}
