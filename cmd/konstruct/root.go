package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/telemetry"
)

const longRoot = `Konstruct lets companies employ AI agents in their chat workspaces.

To try it, on a machine with nothing but this program:

  konstruct dev

To run it, with PostgreSQL and Redis of your own (see .env.example):

  konstruct migrate up          as the owner of the database
  konstruct doctor              does tenant isolation hold?
  konstruct user create --admin you@example.com
  konstruct serve               as the role konstruct_app

Configuration comes from the environment and from a file .env in the working folder; the environment wins.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 the doctor warns, 4 isolation does not hold,
5 migrations or a key rotation are pending, 130 interrupted.`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "konstruct",
		Short:         "The multi-tenant foundation for AI employees",
		Long:          longRoot,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate(longVersion())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit{err, exitUsage} })
	return group(root, newServe(), newDev(), newMigrate(), newDoctor(), newUser(), newKeys(), newLocal())
}

// group makes cmd a command that is nothing without one of its own: alone it prints its help, and a word that is none of
// them is a wrong usage. (Cobra by itself prints the help for that, too, and calls it a success.)
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return exit{fmt.Errorf("unknown command %q: see %s --help", args[0], cmd.CommandPath()), exitUsage}
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(commands...)
	return cmd
}

// noArgs and exactArgs are cobra's, with the exit code of a wrong usage.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return exit{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath()), exitUsage}
		}
		return nil
	}
}

func noArgs(cmd *cobra.Command, args []string) error { return exactArgs(0)(cmd, args) }

// environment is what every command's configuration is read from.
func environment() (config.Env, error) {
	env, err := config.Environment(os.Environ(), ".env")
	if err != nil {
		return nil, exit{err, exitUsage}
	}
	return env, nil
}

// load reads one command's configuration.
func load[C any](from func(config.Env) (C, error)) (C, error) {
	env, err := environment()
	if err != nil {
		var none C
		return none, err
	}
	return from(env)
}

// newLogger logs to standard error; standard output is for what a command was asked for.
func newLogger(c config.Log) *slog.Logger {
	var handler slog.Handler = slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: c.Level, ReplaceAttr: readableDurations})
	if c.Format == config.LogText {
		handler = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.Level})
	}
	return slog.New(telemetry.LogHandler(handler))
}

// readableDurations formats durations as 1.5s, as the text handler does; the JSON handler would write nanoseconds.
func readableDurations(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
