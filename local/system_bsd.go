//go:build unix && !linux

package local

import "syscall"

// endWithParent does nothing: these kernels have no counterpart. The next start stops remaining servers.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}

func startOf(pid int) (string, error) { return startFromPS(pid) }
