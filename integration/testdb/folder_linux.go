package testdb

import (
	"os"
	"syscall"
)

const (
	inMemory = "/dev/shm"
	// enoughForARun is in bytes.
	enoughForARun = 4 << 30
)

// serverFolder returns $TMPDIR or, without it, a file system in memory with enough room. Each test creates and drops a
// database of 300 files, and ext4 searches long for inodes that were not freed within the last minutes.
func serverFolder() string {
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(inMemory, &fs) != nil ||
		float64(fs.Bavail)*float64(fs.Bsize) < enoughForARun {
		return os.TempDir()
	}
	return inMemory
}
