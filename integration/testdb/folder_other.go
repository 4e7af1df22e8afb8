//go:build !linux

package testdb

import "os"

func serverFolder() string { return os.TempDir() }
