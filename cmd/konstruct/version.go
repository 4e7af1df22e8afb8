package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// version is what the Go toolchain recorded of this program: a release's tag, or the commit that it was built from
// ("+dirty" where files had changed). "devel" is a build outside a checkout, or by go run.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// goVersion is the toolchain's.
func goVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "go"
	}
	return info.GoVersion
}

// programName is what to type to run this program again.
func programName() string {
	self, err := os.Executable()
	if err == nil && strings.Contains(self, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/konstruct"
	}
	if strings.ContainsRune(os.Args[0], filepath.Separator) {
		return os.Args[0]
	}
	return "konstruct"
}
