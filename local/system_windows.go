package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

const (
	maxSocketPath = 0
	noFollow      = 0
)

// supported is called first, so that the other functions here are never reached.
func supported() error {
	return fmt.Errorf("servers without Docker on Windows: %w", errors.ErrUnsupported)
}

func owner(os.FileInfo) (uid, gid int) { return -1, -1 }

func (account) runAs(*exec.Cmd, syscall.Signal) {}

func startOf(int) (string, error) { return "", supported() }
