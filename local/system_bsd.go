//go:build unix && !linux

package local

import "syscall"

// endWithParent does nothing, because these kernels have no counterpart. The next start stops what a crash leaves running.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}

func startOf(pid int) (string, error) { return startFromPS(pid) }
