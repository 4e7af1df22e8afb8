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
	pollInterval = 15 * time.Millisecond
	// stopNowTimeout is how long to wait after [stopNow].
	stopNowTimeout = 10 * time.Second
)

// process is a server that this process started.
type process struct {
	record record
	done   chan struct{}
}

// launch keeps the thread that starts cmd for endWithParent.
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
		_ = cmd.Wait() // the cause is in the server's log
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

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

// record identifies a process even if its pid is reused. A file holds it for other processes.
type record struct {
	PID     int    `json:"pid"`
	Started string `json:"started"`
}

func recordOf(pid int) (record, error) {
	started, err := startOf(pid)
	return record{PID: pid, Started: started}, err
}

func (r record) write(path string) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return ReplaceFile(path, content)
}

// alive reports whether the recorded process runs, and not another with its pid.
func (r record) alive() (bool, error) {
	if r.PID <= 0 || r.Started == "" {
		return false, nil
	}
	started, err := startOf(r.PID)
	return started == r.Started, err
}

// end sends sig and waits for the process to exit. If ctx is done first, it sends [stopNow].
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopNowTimeout)
	defer cancel()
	return r.awaitEnd(ctx)
}

func (r record) awaitEnd(ctx context.Context) error {
	for {
		if alive, err := r.alive(); err != nil || !alive {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("process %d did not exit: %w", r.PID, err)
		}
	}
}

// signal ignores exited processes.
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
	case <-time.After(pollInterval):
		return nil
	}
}
