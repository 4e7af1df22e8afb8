// Command konstruct is Konstruct's one binary: the server, a complete system for development, migrations, the
// isolation doctor, and the first admin. See `konstruct help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/konstruct/konstruct/config"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// The exit codes, for scripts. `konstruct doctor` ends with its report's: 3 for warnings, 4 for errors.
const (
	exitFailed  = 1 // what was asked for did not work
	exitUsage   = 2 // the command line or the configuration is wrong; nothing was done
	exitUnsafe  = doctor.ExitErrors
	exitPending = 5 // migrations or a key rotation are pending, or a check of the migrations found something

	exitInterrupted = 130 // by SIGINT or SIGTERM, as shells count it
)

func main() {
	// The first signal asks for a graceful stop, a later one ends the process. One Ctrl-C can arrive several times: from
	// the terminal, and again from go run and from task, which pass it on. A terminal that is closed sends SIGHUP, which
	// stops gracefully, too, unless it is ignored: by nohup, or by the command.
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	config.IgnoreLibpq(false)
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "konstruct: interrupted")
		os.Exit(exitInterrupted)
	}
	fmt.Fprintln(os.Stderr, "konstruct:", err)
	os.Exit(exitCode(err))
}

// stopped turns the failure of a start that a signal cut short into a stop: a server that was asked to end has not failed.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "konstruct: stopped while starting")
	return nil
}

// exit is an error with the code that the process ends with.
type exit struct {
	error

	code int
}

func (e exit) Unwrap() error { return e.error }

func exitCode(err error) int {
	if e, ok := errors.AsType[exit](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[config.Faults](err); ok {
		return exitUsage
	}
	return exitFailed
}
