package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/telemetry"
)

const longRoot = `Konstruct runs AI agents in the chat workspaces of many companies, isolated by PostgreSQL row-level
security.

Try it on this machine, with demo data:

  konstruct dev

Run it on your own PostgreSQL and Redis (configuration: see .env.example):

  konstruct migrate up          create or update the schema, as the owner role
  konstruct doctor              check tenant isolation
  konstruct user create --admin you@example.com
  konstruct serve               run the API server, as the role konstruct_app

Configuration is read from the environment and from the file .env in the working directory. The environment wins.

Exit codes: 0 success, 1 failure, 2 invalid usage or configuration, 3 doctor warnings, 4 isolation does not hold,
5 migrations or a key rotation are pending, 130 interrupted.`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "konstruct",
		Short:         "Run AI agents for many tenants, isolated by PostgreSQL",
		Long:          longRoot,
		Version:       thisBuild().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate(thisBuild().String() + "\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit{err, exitUsage} })
	return group(root, newServe(), newDev(), newMigrate(), newDoctor(), newHealth(), newUser(), newKeys(), newLocal(),
		newVersion())
}

// group makes cmd a parent of commands, which take no arguments by default. Alone it prints its help. An unknown
// subcommand is a usage error; cobra's default prints the help and succeeds.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	for _, command := range commands {
		if command.Args == nil {
			command.Args = exactArgs(0)
		}
	}
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

// exactArgs is [cobra.ExactArgs] with the exit code of a usage error.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(cmd, args); err != nil {
			return exit{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath()), exitUsage}
		}
		return nil
	}
}

func environment() (config.Env, error) {
	env, err := config.Environment(os.Environ(), ".env")
	if err != nil {
		return nil, exit{err, exitUsage}
	}
	return env, nil
}

func load[C any](from func(config.Env) (C, error)) (C, error) {
	env, err := environment()
	if err != nil {
		var zero C
		return zero, err
	}
	return from(env)
}

// newLogger logs to standard error, because standard output is for results.
func newLogger(c config.Log) *slog.Logger {
	var handler slog.Handler = slog.NewJSONHandler(os.Stderr,
		&slog.HandlerOptions{Level: c.Level, ReplaceAttr: readableDurations})
	if c.Format == config.LogText {
		handler = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.Level})
	}
	return slog.New(telemetry.LogHandler(handler))
}

// readableDurations formats durations as 1.5s, instead of the JSON handler's nanoseconds.
func readableDurations(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
