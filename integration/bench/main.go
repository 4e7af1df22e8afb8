package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

var errGates = errors.New("a gate was missed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	options, gates, err := parse(args, progress)
	if err != nil {
		return err
	}
	s := &stage{log: progress}
	var result report
	err = s.perform(func() error {
		var err error
		result, err = measure(ctx, options, s.databases(), progress) //nolint:contextcheck // the harness has its own time-outs
		return err
	})
	if err != nil {
		return err
	}
	if err := result.write(out); err != nil {
		return err
	}
	if gates && !result.passed() {
		return errGates
	}
	return nil
}

// options say how much is measured.
type options struct {
	// loopback and network are the plans without and with the added millisecond.
	loopback, network plan
	// small, main and skewed populate the databases; huge does with -big.
	small, main, skewed population
	huge                *population
}

func defaults() options {
	return options{
		loopback: plan{rounds: 5, turns: 400, warmUp: 200},
		network:  plan{rounds: 5, turns: 60, warmUp: 10},
		small:    population{tenants: 200, agentsEach: 50},
		main:     population{tenants: 10_000, agentsEach: 50},
		skewed:   population{tenants: 1_000, agentsEach: 50, bigTenant: 300_000},
	}
}

func parse(args []string, usage io.Writer) (o options, gates bool, err error) {
	o = defaults()
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.BoolVar(&gates, "gates", false, "exit with 1 when a gate is missed (only on a machine that does nothing else)")
	big := flags.Bool("big", false, "read among 5 million rows, too")
	flags.IntVar(&o.loopback.rounds, "rounds", o.loopback.rounds, "rounds; the result is the median of theirs")
	flags.IntVar(&o.loopback.turns, "turns", o.loopback.turns, "turns in a round, on loopback")
	flags.IntVar(&o.network.turns, "network-turns", o.network.turns, "turns in a round, at 1 ms")
	if err := flags.Parse(args); err != nil {
		return o, gates, err
	}
	o.network.rounds = o.loopback.rounds
	if min(o.loopback.rounds, o.loopback.turns, o.network.turns) < 1 {
		return o, gates, errors.New("rounds and turns begin at 1")
	}
	if *big {
		o.huge = &population{tenants: 100_000, agentsEach: 50}
	}
	return o, gates, nil
}
