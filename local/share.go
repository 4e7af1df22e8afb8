package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/konstruct/konstruct/local/flock"
)

// leaveWithin bounds how long the last process of a [Share] takes to stop the servers.
const leaveWithin = 20 * time.Second

const (
	// guardEvery is the pause between two looks of a guard.
	guardEvery = 500 * time.Millisecond
	// guardTurn is how long a guard waits for another one that may be about to end.
	guardTurn = 2 * time.Second
)

// A Share is this process's use of the servers of a folder, which other processes may use as well. The servers run
// until the last of them has left.
type Share struct {
	folder string
	alive  *flock.File
}

// NewShare makes this process a user of folder and runs start, which starts detached servers below it or takes over
// those that run ([StartDetached]). No other process is in its own start at the same time. When start fails, the
// process has left again.
//
// guard is the command line of a process that calls [GuardShare] for folder, and so stops the servers when the last
// process ends without leaving. Empty: they run on until the next one leaves.
func NewShare(ctx context.Context, folder string, guard []string, start func() error) (*Share, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := OwnFolder(folder); err != nil {
		return nil, err
	}
	s := &Share{folder: folder}
	lock, err := s.changing(ctx)
	if err != nil {
		return nil, err
	}
	if s.alive, err = flock.Share(ctx, s.living()); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	err = errors.Join(startGuard(guard), start())
	err = errors.Join(err, lock.Unlock())
	if err != nil {
		return nil, errors.Join(err, s.Leave(ctx))
	}
	return s, nil
}

// changing is held by a process that starts or stops servers, living by every user together. Who gets the latter
// alone knows that there is no other.
func (s *Share) changing(ctx context.Context) (*flock.File, error) {
	return flock.Lock(ctx, filepath.Join(s.folder, "changing"))
}

func (s *Share) living() string { return filepath.Join(s.folder, "living") }

// Leave ends this process's use, and stops the servers when there is no other. It is done when ctx has ended, too.
func (s *Share) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
	defer cancel()
	err := s.alive.Unlock()
	_, stopErr := s.stopUnused(ctx)
	return errors.Join(err, stopErr)
}

// stopUnused stops the servers unless somebody uses them, and tells whether nobody does.
func (s *Share) stopUnused(ctx context.Context) (unused bool, err error) {
	lock, err := s.changing(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = lock.Unlock() }()
	last, unused, err := flock.Try(s.living())
	if err != nil || !unused {
		return false, err
	}
	defer func() { _ = last.Unlock() }()
	_, err = StopDetached(ctx, s.folder)
	return true, err
}

// GuardShare waits until no process uses folder any more, stops its servers if they still run, and returns. A second
// guard of one folder returns soon.
func GuardShare(ctx context.Context, folder string) error {
	s := &Share{folder: folder}
	turn, cancel := context.WithTimeout(ctx, guardTurn)
	defer cancel()
	guard, err := flock.Lock(turn, filepath.Join(folder, "guard"))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = guard.Unlock() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(guardEvery):
		}
		alone, unused, err := flock.Try(s.living())
		if err == nil && unused {
			err = alone.Unlock()
		}
		if err == nil && unused {
			unused, err = s.stopUnused(ctx)
		}
		if err != nil || unused {
			return err
		}
	}
}

// startGuard leaves the guard running in a session of its own, where neither Ctrl-C nor a closed terminal reaches it.
func startGuard(line []string) error {
	if len(line) == 0 {
		return nil
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = "/"
	account{}.runAs(cmd, lifetime{detached: true})
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the guard of the local servers: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
