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

const leaveTimeout = 20 * time.Second

const (
	guardInterval = 500 * time.Millisecond
	// guardTurn bounds the wait for another guard.
	guardTurn = 2 * time.Second
)

// A Share is this process's use of a folder's servers, which run until the last process leaves.
type Share struct {
	folder string
	alive  *flock.File
}

// NewShare registers this process as a user of folder and calls start, which calls [StartDetached]. Only one process
// runs start at once.
//
// guard is the command line that calls [GuardShare], which stops the servers if the last process crashes. If empty,
// they run until the next process leaves.
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

// changing is locked while servers start or stop. Users hold a shared lock on living, so an exclusive one means that
// there are none.
func (s *Share) changing(ctx context.Context) (*flock.File, error) {
	return flock.Lock(ctx, filepath.Join(s.folder, "changing"))
}

func (s *Share) living() string { return filepath.Join(s.folder, "living") }

// Leave ends the use and stops the servers if it was the last, even if ctx is done.
func (s *Share) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	err := s.alive.Unlock()
	_, stopErr := s.stopUnused(ctx)
	return errors.Join(err, stopErr)
}

// stopUnused stops the servers if no process uses them.
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

// GuardShare waits until no process uses folder and stops its servers. It returns early if the folder has another
// guard.
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
		case <-time.After(guardInterval):
		}
		if unused, err := s.stopUnused(ctx); err != nil || unused {
			return err
		}
	}
}

// startGuard runs the guard in a new session, without the terminal's signals.
func startGuard(line []string) error {
	if len(line) == 0 {
		return nil
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = "/"
	account{}.runAs(cmd, detached)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the guard of the local servers: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}
