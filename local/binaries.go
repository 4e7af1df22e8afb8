package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const minimumMajor = 15

// BinariesVariable names the folder of PostgreSQL's programs.
const BinariesVariable = "KONSTRUCT_POSTGRES_BIN"

// programs are all required, which excludes client packages.
func programs() []string { return []string{"initdb", "postgres", "pg_ctl"} }

func usualFolders() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
		"/usr/pgsql-*/bin",                  // the PGDG's RPMs
		"/usr/lib/postgresql*/bin",          // SUSE
		"/usr/libexec/postgresql*",          // Alpine
		"/opt/homebrew/opt/postgresql*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",    // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
		"/opt/local/lib/postgresql*/bin", // MacPorts
		"/Applications/Postgres.app/Contents/Versions/*/bin",
		"/usr/local/pgsql/bin", // built from source
		"/usr/local/bin",       // FreeBSD
		"/usr/bin",             // Arch, Fedora
	}
}

// versionLine matches the output of `postgres --version`: "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)".
var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ((\d+)\S*)`)

// binaries is a folder of programs.
type binaries struct {
	folder  string
	version string
	major   int
}

func (b binaries) program(name string) string { return filepath.Join(b.folder, name) }

type finder struct {
	account account
	// explicit, if set, is the only folder searched.
	explicit string
	// path is a list like $PATH; patterns are globs.
	path     string
	patterns []string
	download func(ctx context.Context, major int) (string, error)
}

// find returns the newest binaries, or those of major if it is not 0. It downloads missing ones, and if that fails
// returns another version.
func (f finder) find(ctx context.Context, major int) (binaries, error) {
	if f.explicit != "" {
		found, err := f.inspect(ctx, f.explicit)
		if err != nil {
			return binaries{}, fmt.Errorf("%w in %s: %w", ErrNoBinaries, f.explicit, err)
		}
		return found, nil
	}
	found, faults := f.installed(ctx)
	for _, b := range found {
		if major == 0 || b.major == major {
			return b, nil
		}
	}
	folder, err := f.download(ctx, major)
	if err == nil {
		return f.inspect(ctx, folder)
	}
	if len(found) > 0 {
		return found[0], nil
	}
	wanted := fmt.Sprintf("%d or later", minimumMajor)
	if major != 0 {
		wanted = fmt.Sprintf("%d, which created the data", major)
	}
	return binaries{}, fmt.Errorf("%w: install PostgreSQL %s, or set %s to the folder of its programs: %w",
		ErrNoBinaries, wanted, BinariesVariable, errors.Join(append(faults, err)...))
}

// installed returns the installed binaries, newest major first, and the errors of unusable ones.
func (f finder) installed(ctx context.Context) ([]binaries, []error) {
	var found []binaries
	var faults []error
	for _, folder := range f.candidates(ctx) {
		b, err := f.inspect(ctx, folder)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", folder, err))
		} else {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return b.major - a.major })
	return found, faults
}

// candidates returns the distinct folders that contain postgres. Symlinks are resolved, because the PATH can link to
// postgres alone while the target's folder has all programs.
func (f finder) candidates(ctx context.Context) []string {
	folders := filepath.SplitList(f.path)
	if output, err := f.command(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(output)))
	}
	for _, pattern := range f.patterns {
		matches, _ := filepath.Glob(pattern) // the patterns are valid
		folders = append(folders, matches...)
	}
	var candidates []string
	for _, folder := range folders {
		target, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
		if dir := filepath.Dir(target); err == nil && filepath.IsAbs(dir) && !slices.Contains(candidates, dir) {
			candidates = append(candidates, dir)
		}
	}
	return candidates
}

// inspect requires all programs, a supported version, and access for the account.
func (f finder) inspect(ctx context.Context, folder string) (binaries, error) {
	for _, name := range programs() {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			return binaries{}, err
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			return binaries{}, fmt.Errorf("%s is not a program", name)
		}
	}
	if err := f.account.checkReach(folder); err != nil {
		return binaries{}, err
	}
	output, err := f.command(ctx, filepath.Join(folder, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, fmt.Errorf("postgres --version: %w", err)
	}
	return parseVersion(folder, string(output))
}

func parseVersion(folder, output string) (binaries, error) {
	match := versionLine.FindStringSubmatch(output)
	if match == nil {
		return binaries{}, fmt.Errorf("unexpected output of postgres --version: %q", strings.TrimSpace(output))
	}
	major, err := strconv.Atoi(match[2])
	if err != nil {
		return binaries{}, err
	}
	if major < minimumMajor {
		return binaries{}, fmt.Errorf("PostgreSQL %s is too old", match[1])
	}
	return binaries{folder: folder, version: match[1], major: major}, nil
}

// command runs programs as the account, never as root.
func (f finder) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	f.account.runAs(cmd, detached)
	return cmd
}
