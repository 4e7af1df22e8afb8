//go:build unix

package local

import (
	"os"
	"os/exec"
	"syscall"
)

// maxSocketPath is how long a unix socket's path may be: sun_path holds 104 bytes on BSD and macOS, 108 on Linux,
// one of them the closing NUL.
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

// runAs lets cmd run as the account. A session of its own keeps the terminal's Ctrl-C away from a detached server,
// a process group does so for the others.
func (a account) runAs(cmd *exec.Cmd, life lifetime) {
	attr := &syscall.SysProcAttr{Setpgid: !life.detached, Setsid: life.detached}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} //nolint:gosec // ids are 32 bits wide
	}
	if !life.detached {
		endWithParent(attr, life.lastSignal)
	}
	cmd.SysProcAttr = attr
}
