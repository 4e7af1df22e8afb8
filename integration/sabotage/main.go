package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sabotage:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// options are the flags.
type options struct {
	only       string
	list, docs bool
	whole      bool
	jobs       int
	folder     string
}

func command(ctx context.Context, args []string, out io.Writer) error {
	var o options
	flags := flag.NewFlagSet("sabotage", flag.ContinueOnError)
	flags.StringVar(&o.only, "only", "", "run only saboteurs whose id contains one of these words, separated by commas")
	flags.BoolVar(&o.list, "list", false, "list the saboteurs")
	flags.BoolVar(&o.docs, "docs", false, "print docs/security/sabotage.md")
	flags.BoolVar(&o.whole, "whole", false, "run all tests of the packages and all attacks, not only the named ones")
	flags.IntVar(&o.jobs, "jobs", min(runtime.NumCPU()+1, maxJobs), "how many saboteurs run in parallel")
	flags.StringVar(&o.folder, "report", ".", "write sabotage-report.md and .json to this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen := choose(saboteurs(), o.only)
	switch {
	case o.docs:
		_, err := io.WriteString(out, page(chosen))
		return err
	case o.list:
		for _, s := range chosen {
			fmt.Fprintf(out, "%-34s %s\n", s.id, s.removes)
		}
		return nil
	}
	return run(ctx, chosen, o, out)
}

// choose returns the saboteurs whose id contains a word.
func choose(all []saboteur, words string) []saboteur {
	return slices.DeleteFunc(all, func(s saboteur) bool {
		contained := func(word string) bool { return strings.Contains(s.id, word) }
		return !slices.ContainsFunc(strings.Split(words, ","), contained)
	})
}
