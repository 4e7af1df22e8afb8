package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// Releases set these with -ldflags "-X main.version=… -X main.commit=… -X main.date=…". Otherwise version and commit
// come from Go's build information.
//
//nolint:gochecknoglobals // the linker can set package variables only
var version, commit, date string

// buildInfo describes this binary.
type buildInfo struct {
	Version    string `json:"version"`
	Commit     string `json:"commit,omitempty"`
	CommitDate string `json:"commit_date,omitempty"`
	BuildDate  string `json:"build_date,omitempty"`
	// Modified reports uncommitted changes in the source tree.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func thisBuild() buildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	b := describe(info)
	if version != "" {
		b.Version = version
	}
	if commit != "" {
		b.Commit = commit
	}
	b.BuildDate = date
	return b
}

// describe uses the module's version, or else the commit, with +dirty if the tree was modified.
func describe(info *debug.BuildInfo) buildInfo {
	b := buildInfo{Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.CommitDate = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	switch {
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		b.Version = info.Main.Version
	case b.Commit == "":
		b.Version = "devel"
	case b.Modified:
		b.Version = b.Commit + "+dirty"
	default:
		b.Version = b.Commit
	}
	return b
}

// String is the line that --version prints.
func (b buildInfo) String() string {
	return fmt.Sprintf("konstruct %s (%s, %s/%s)", b.Version, b.Go, b.OS, b.Arch)
}

func (b buildInfo) writeText(out io.Writer) error {
	commit := b.Commit
	if commit != "" && b.Modified {
		commit += " (modified)"
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"konstruct", b.Version},
		{"commit", commit},
		{"committed", b.CommitDate},
		{"built", b.BuildDate},
		{"go", b.Go},
		{"platform", b.OS + "/" + b.Arch},
	} {
		if row[1] != "" {
			fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
		}
	}
	return table.Flush()
}

func newVersion() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version, commit, Go version and platform"}
	asJSON := cmd.Flags().Bool("json", false, "print as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), thisBuild())
		}
		return thisBuild().writeText(cmd.OutOrStdout())
	}
	return cmd
}

func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// operator identifies this binary in the migration revisions.
func operator() string { return "konstruct " + thisBuild().Version }

// programName returns the command that runs this program again.
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
