package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	root := flags.String("root", "..", "module root, to which package folders are relative")
	accepted := flags.String("accepted", "mutate/accepted.txt", "file of explained survivors")
	budget := flags.Duration("budget", time.Hour, "stop after this time")
	jobs := flags.Int("jobs", 1, "number of concurrent test binaries")
	grace := flags.Duration("grace", 10*time.Second, "added to a timeout of five times the unchanged tests' duration")
	skip := flags.String("skip", "", "skip tests that match this regular expression, such as time-dependent ones")
	only := flags.String("run", "", "try only changes whose description matches this regular expression")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	explained, err := readAccepted(*accepted)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *budget)
	defer cancel()
	t := trial{root: dir, jobs: *jobs, grace: *grace, skip: *skip, only: pattern, accepted: explained, out: out}
	for _, folder := range flags.Args() {
		if err := t.folder(ctx, folder); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	fmt.Fprintf(out, "%d killed (%d by time), %d survived, %d explained, %d not tried\n",
		t.killed, t.late, t.survived, t.explained, t.untried)
	if t.survived > 0 {
		return errors.New("changes survived: test them, or explain them in accepted.txt")
	}
	return nil
}
