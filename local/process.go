package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const (
	// pollEvery is the pause between two looks at a server that starts or stops.
	pollEvery = 15 * time.Millisecond
	// killAfter is what a server gets to end after its patience was asked for a second time.
	killAfter = 10 * time.Second
)

// lifetime says when a server ends.
type lifetime struct {
	// detached servers outlive this process.
	detached bool
	// lastSignal is sent when this process dies without having stopped the server.
	lastSignal syscall.Signal
}

// process is a server that this process started.
type process struct {
	record record
	done   chan struct{}
}

// launch starts cmd. The operating system's thread that does it is kept until cmd ends: the kernel would take the
// thread's end for the parent's death.
func launch(cmd *exec.Cmd) (*process, error) {
	started := make(chan error, 1)
	p := &process{done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		var err error
		if p.record, err = recordOf(cmd.Process.Pid); err != nil {
			err = errors.Join(err, cmd.Process.Kill())
		}
		started <- err
		// How it ended stands in the server's own log.
		_ = cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// stop ends the process as [record.end] does.
func (p *process) stop(ctx context.Context, sig syscall.Signal) error {
	if p.ended() {
		return nil
	}
	return p.record.end(ctx, sig)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// record identifies a process on disk, so that another process may end it, and nothing else, later.
type record struct {
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

func recordOf(pid int) (record, error) {
	started, err := startOf(pid)
	return record{PID: pid, Started: started}, err
}

// readRecord returns the zero record where there is none, or only a damaged one: a file that a crash has cut says nothing.
func readRecord(path string) (record, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var r record
	if json.Unmarshal(content, &r) != nil {
		return record{}, nil //nolint:nilerr // as if there were none
	}
	return r, nil
}

func (r record) write(path string) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return ReplaceFile(path, content)
}

// alive reports whether the very process that was recorded still runs: a pid alone may be another's by now.
func (r record) alive() (bool, error) {
	if r.PID <= 0 || r.Started == "" {
		return false, nil
	}
	started, err := startOf(r.PID)
	return started == r.Started, err
}

// end asks the process to stop and waits for it. When ctx ends first it insists with [stopNow].
func (r record) end(ctx context.Context, sig syscall.Signal) error {
	if alive, err := r.alive(); err != nil || !alive {
		return err
	}
	found, err := os.FindProcess(r.PID)
	if err != nil {
		return err
	}
	if err := signal(found, sig); err != nil {
		return err
	}
	if err := r.awaitEnd(ctx); err == nil || ctx.Err() == nil {
		return err
	}
	if err := signal(found, stopNow); err != nil {
		return err
	}
	insist, cancel := context.WithTimeout(context.WithoutCancel(ctx), killAfter)
	defer cancel()
	return r.awaitEnd(insist)
}

func (r record) awaitEnd(ctx context.Context) error {
	for {
		if alive, err := r.alive(); err != nil || !alive {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("process %d does not end: %w", r.PID, err)
		}
	}
}

// signal takes a process that is gone already for one that has obeyed.
func signal(p *os.Process, sig syscall.Signal) error {
	if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.Pid, err)
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}
