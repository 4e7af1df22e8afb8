package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longDoctor = `Compare the catalog of a live database with what the migrations create, and report whether tenant
isolation holds.

The check changes nothing and takes milliseconds. Each finding has a stable code, the object, the risk, and the SQL that
fixes it. Objects listed in KONSTRUCT_DOCTOR_KNOWN are reported but do not fail the check.

It connects to DATABASE_URL, or to the URL in the file given by --url-file, as the role of the server, because some
findings depend on the role.

--attack first runs a fixed list of read queries as a few of the tenants. Each query runs in a transaction that is
rolled back, waits for no locks, and prints no values.

Exit codes: 0 isolation holds, 3 it holds with warnings, 4 it does not hold or the database is not migrated.`

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that tenant isolation holds in a live database",
		Long:  longDoctor,
	}
	var d diagnosis
	cmd.Flags().BoolVar(&d.asJSON, "json", false, "print the report as JSON")
	cmd.Flags().BoolVar(&d.attack, "attack", false, "also attack the live database with harmless reads")
	cmd.Flags().StringVar(&d.urlFile, "url-file", "", "read the database URL from this file (default: DATABASE_URL)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return d.run(cmd) }
	return cmd
}

// diagnosis holds the flags of one run.
type diagnosis struct {
	asJSON, attack bool
	urlFile        string
}

func (d diagnosis) run(cmd *cobra.Command) error {
	c, err := d.config()
	if err != nil {
		return err
	}
	if d.attack {
		err := d.attackLive(cmd, c.Database.URL.Reveal())
		if err != nil && sqlState(err) != codeUndefinedTable { // the catalog check reports missing tables
			return explainDatabase("DATABASE_URL", c.Database.URL, err)
		}
	}
	return explainDatabase("DATABASE_URL", c.Database.URL, d.examine(cmd, c))
}

func (d diagnosis) config() (config.Doctor, error) {
	env, err := environment()
	if err != nil {
		return config.Doctor{}, err
	}
	if d.urlFile != "" {
		url, err := os.ReadFile(d.urlFile)
		if err != nil {
			return config.Doctor{}, exit{err, exitUsage}
		}
		env["DATABASE_URL"] = strings.TrimSpace(string(url))
	}
	return config.LoadDoctor(env)
}

// attackLive runs before the catalog check because its findings matter more.
func (d diagnosis) attackLive(cmd *cobra.Command, url string) error {
	report, err := attack.Live(cmd.Context(), url, liveAttack())
	if err != nil {
		return err
	}
	write := report.Text
	if d.asJSON {
		write = report.JSON
	}
	if err := write(cmd.OutOrStdout()); err != nil {
		return err
	}
	if !report.Holds {
		return exit{errors.New(report.Verdict), exitUnsafe}
	}
	return nil
}

func (d diagnosis) examine(cmd *cobra.Command, c config.Doctor) error {
	drv, err := openDriver(cmd.Context(), c.Database)
	if errors.Is(err, pgtenant.ErrConfig) { // a preset in the URL, which the driver refuses
		return exit{err, exitUnsafe}
	}
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	report, err := examine(cmd.Context(), drv, c.Database)
	if err != nil {
		return err
	}
	if d.asJSON {
		err = writeJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.WriteText(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	if code := report.ExitCode(); code != doctor.ExitClean {
		return exit{fmt.Errorf("%d errors, %d warnings", report.Count(doctor.LevelError),
			report.Count(doctor.LevelWarning)), code}
	}
	return nil
}

// examine runs the doctor with the spec of the migrations and KONSTRUCT_DOCTOR_KNOWN.
func examine(ctx context.Context, drv *pgtenant.Driver, c config.Database) (report doctor.Report, err error) {
	err = drv.WithConn(ctx, func(conn *pgx.Conn) error {
		report, err = doctor.Check(ctx, conn, migrate.Spec().With(doctor.Spec{Known: c.Known}))
		return err
	})
	return report, err
}
