package main

import (
	"encoding/json"
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

const longDoctor = `Compare the live catalog, as the server's own role, with what the migrations make, and report whether tenant
isolation holds. It changes nothing and takes milliseconds. Each finding has a stable code, the object, the risk, and
the SQL that fixes it. Objects listed in KONSTRUCT_DOCTOR_KNOWN are reported, not refused.

The database is DATABASE_URL's, or that of the file that --url-file names, never one on the command line: what is true
for the server is asked the way the server asks.

With --attack it also makes harmless reads from a fixed list, as a few of the tenants, in one rolled-back transaction
each; it waits for no lock, and prints no values.

Exit codes: 0 isolation holds, 3 it holds with warnings, 4 it does not hold or the database is not migrated.`

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Ask a live database whether tenant isolation holds",
		Long:  longDoctor,
		Args:  noArgs,
	}
	var d diagnosis
	cmd.Flags().BoolVar(&d.asJSON, "json", false, "print the report as JSON")
	cmd.Flags().BoolVar(&d.attack, "attack", false, "attack the live database, by harmless reads")
	cmd.Flags().StringVar(&d.urlFile, "url-file", "", "a file with the database's URL, in place of DATABASE_URL")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return d.run(cmd) }
	return cmd
}

// diagnosis is what the doctor was asked for.
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
		if err != nil && sqlState(err) != codeUndefinedTable { // the examination reports missing tables
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

// attackLive comes before the examination: what it finds matters more.
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
	if errors.Is(err, pgtenant.ErrConfig) { // a preset in the URL: the driver refuses before the doctor could report it
		return exit{err, exitUnsafe}
	}
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	var report doctor.Report
	err = drv.WithConn(cmd.Context(), func(conn *pgx.Conn) (err error) {
		report, err = doctor.Check(cmd.Context(), conn, spec(c.Database))
		return err
	})
	if err != nil {
		return err
	}
	if err := writeReport(cmd, report, d.asJSON); err != nil {
		return err
	}
	if code := report.ExitCode(); code != doctor.ExitClean {
		return exit{fmt.Errorf("%d errors, %d warnings", report.Count(doctor.LevelError), report.Count(doctor.LevelWarning)), code}
	}
	return nil
}

// spec is the product's, with what the operator vouches for.
func spec(c config.Database) doctor.Spec {
	return migrate.Spec().With(doctor.Spec{Known: c.Known})
}

func writeReport(cmd *cobra.Command, report doctor.Report, asJSON bool) error {
	if !asJSON {
		return report.WriteText(cmd.OutOrStdout())
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(report)
}
