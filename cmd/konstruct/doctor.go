package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longDoctor = `Reads the live catalogue, as the server's own role, and says whether tenant isolation holds. It changes nothing
and takes milliseconds. Each finding has a stable code, the object, the risk, and the SQL that mends it.

The database is DATABASE_URL's: what is true for the server is asked the way the server asks.

Exit codes: 0 isolation holds, 3 it holds with warnings, 4 it does not hold.`

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Ask a live database whether tenant isolation holds",
		Long:  longDoctor,
		Args:  noArgs,
	}
	asJSON := cmd.Flags().Bool("json", false, "print the report as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd, *asJSON) }
	return cmd
}

func runDoctor(cmd *cobra.Command, asJSON bool) error {
	c, err := load(config.LoadDoctor)
	if err != nil {
		return err
	}
	drv, err := openDriver(cmd.Context(), c.Database)
	if errors.Is(err, pgtenant.ErrConfig) { // a preset in the URL: the driver refuses before the doctor could report it
		return exit{err, exitUnsafe}
	}
	if err != nil {
		return err
	}
	defer func() { _ = drv.Close() }()
	report, err := doctor.Check(cmd.Context(), drv.Pool(), migrate.Catalogue())
	if err != nil {
		return err
	}
	if err := writeReport(cmd, report, asJSON); err != nil {
		return err
	}
	if code := report.ExitCode(); code != doctor.ExitClean {
		return exit{fmt.Errorf("%d errors, %d warnings", report.Count(doctor.LevelError), report.Count(doctor.LevelWarning)), code}
	}
	return nil
}

func writeReport(cmd *cobra.Command, report doctor.Report, asJSON bool) error {
	if !asJSON {
		return report.WriteText(cmd.OutOrStdout())
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(report)
}
