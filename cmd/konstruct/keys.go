package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/channel/rotation"
	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const longRotate = `Reseal the secrets of all channel connections under the newest key, the first of
KONSTRUCT_SECRETS_KEY.

It can run while servers run, and can be interrupted and started again: secrets already under the newest key are
skipped. Secrets that cannot be opened are listed with their tenant and connection and left unchanged.

--check changes nothing. It lists the keys and how many secrets each one seals, to see when an old key can be removed
from KONSTRUCT_SECRETS_KEY.

Exit codes: 0 done, or with --check no older key is in use; 1 a secret cannot be opened; 2 invalid usage or
configuration; 5 the database has no schema, or with --check an older key is in use; 130 interrupted.`

func newKeys() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Rotate the keys that seal the secrets of channel connections"}
	rotate := &cobra.Command{
		Use: "rotate", Short: "Reseal all secrets under the newest key", Long: longRotate,
	}
	check := rotate.Flags().Bool("check", false, "only list the keys and how many secrets each one seals")
	rotate.RunE = func(cmd *cobra.Command, _ []string) error { return rotateKeys(cmd, *check) }
	return group(cmd, rotate)
}

func rotateKeys(cmd *cobra.Command, check bool) error {
	c, err := load(config.LoadKeys)
	if err != nil {
		return err
	}
	box, err := secrets.NewBox(c.SecretsKeys.Reveal())
	if err != nil {
		return err
	}
	return withSchema(cmd.Context(), c.Database, newLogger(c.Log), func(drv *pgtenant.Driver) error {
		keys := rotation.New(drv, box)
		if !check {
			report, err := keys.Run(cmd.Context())
			return errors.Join(report.WriteRun(cmd.OutOrStdout()), verdict(report, err, 0))
		}
		report, err := keys.Check(cmd.Context())
		if err != nil { // an incomplete list could report a used key as unused
			return verdict(report, err, 0)
		}
		return errors.Join(report.WriteCheck(cmd.OutOrStdout()), verdict(report, nil, report.Resealed))
	})
}

// verdict returns the command's error. old is the number of secrets sealed with an older key.
func verdict(report rotation.Report, err error, old int) error {
	switch {
	case errors.Is(err, context.Canceled):
		return exit{errors.New("interrupted; run the command again to continue"), exitInterrupted}
	case err != nil:
		return err
	case len(report.Failures) > 0:
		return fmt.Errorf("%d secrets or connections failed", len(report.Failures))
	case old > 0:
		return exit{fmt.Errorf("%d secrets are sealed with an older key; run konstruct keys rotate", old), exitPending}
	}
	return nil
}
