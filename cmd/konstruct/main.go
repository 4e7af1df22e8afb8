// Command konstruct is the server and its tools in one binary. See `konstruct help`.
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

// Exit codes. `konstruct doctor` exits with the code of its report: 3 for warnings, 4 for errors.
const (
	exitFailed  = 1
	exitUsage   = 2 // invalid usage or configuration; nothing was done
	exitUnsafe  = doctor.ExitErrors
	exitPending = 5 // migrations or a key rotation are pending, or migrate check failed

	exitInterrupted = 130 // 128 + SIGINT, as in shells
)

func main() {
	// The first signal starts a graceful stop. One more than a second later kills the process, because a single Ctrl-C
	// can arrive several times (terminal, go run, task). SIGHUP stops gracefully unless nohup or the command ignores
	// it.
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

// stopped turns an error caused by a signal during startup into a clean exit.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "konstruct: stopped during startup")
	return nil
}

// exit is an error with an exit code.
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
