//go:build unix

package local

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// maxSocketPath is the length of sun_path on BSD and macOS, without the final NUL. On Linux it is 107.
const maxSocketPath = 103

const noFollow = syscall.O_NOFOLLOW

func supported() error { return nil }

func owner(info os.FileInfo) (uid, gid int) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(stat.Uid), int(stat.Gid)
}

// runAs makes cmd run as the account, in a new session or process group, away from the terminal's Ctrl-C. lastSignal is
// sent if this process ends first.
func (a account) runAs(cmd *exec.Cmd, lastSignal syscall.Signal) {
	attr := &syscall.SysProcAttr{Setpgid: lastSignal != detached, Setsid: lastSignal == detached}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // 32 bits wide
	}
	endWithParent(attr, lastSignal)
	cmd.SysProcAttr = attr
}

// startFromPS is startOf by ps(1), without a boot id.
func startFromPS(pid int) (string, error) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if errors.As(err, new(*exec.ExitError)) {
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
