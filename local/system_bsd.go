//go:build unix && !linux

package local

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent has no counterpart in this kernel: what a crash leaves behind is ended by the next start.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}

// startOf identifies the process behind a pid by the time of its start.
// It is empty when no such process runs; a zombie no longer does.
func startOf(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	state, started, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if strings.HasPrefix(state, "Z") {
		return "", nil
	}
	return strings.TrimSpace(started), nil
}
