package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Timeouts of one package's tests; hangTimeout is for saboteurs that make tests hang.
const (
	testTimeout = 2 * time.Minute
	hangTimeout = 20 * time.Second
)

// errBroken is returned when a saboteur's source does not build or its test does not exist.
var errBroken = errors.New("the saboteur is broken")

// suite runs tests of the module at root.
type suite struct {
	root string
	// environment is added to the process's own.
	environment []string
	// whole runs all tests of a package.
	whole bool
}

// outcome is "passed" or "failed" by test.
type outcome map[testName]string

// run runs the named tests with flags of `go test`. It returns an error if they do not build.
func (s suite) run(ctx context.Context, names []testName, flags ...string) (outcome, error) {
	all := outcome{}
	for _, pkg := range packages(names) {
		args := append([]string{"test", "-json", "-vet=off", "-count=1", "-parallel=4"}, flags...)
		if !s.whole {
			args = append(args, "-run="+pattern(pkg, names))
		}
		output, err := s.command(ctx, append(args, "./"+pkg)...)
		if err := all.read(pkg, output); err != nil {
			return all, err
		}
		if err != nil && !all.fails(pkg) {
			return all, fmt.Errorf("%w: go test ./%s: %w:\n%s", errBroken, pkg, err, lastLines(output))
		}
	}
	return all, ctx.Err()
}

func (s suite) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the table's own words
	cmd.Dir = s.root
	cmd.Env = append(os.Environ(), s.environment...)
	// The go command forwards an interrupt to the test; killed, it would leave the test running.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd.CombinedOutput()
}

func packages(names []testName) []string {
	pkgs := map[string]bool{}
	for _, n := range names {
		pkgs[n.pkg()] = true
	}
	return slices.Sorted(maps.Keys(pkgs))
}

// pattern returns the -run expression for the named tests of a package.
func pattern(pkg string, names []testName) string {
	var tests []string
	for _, n := range names {
		if n.pkg() != pkg {
			continue
		}
		parts := strings.Split(n.test(), "/")
		for i, part := range parts {
			parts[i] = "^" + regexp.QuoteMeta(part) + "$"
		}
		tests = append(tests, strings.Join(parts, "/"))
	}
	slices.Sort(tests)
	return strings.Join(slices.Compact(tests), "|")
}

// event is a line of `go test -json`.
type event struct {
	Action  string `json:"action"` // the decoder ignores case
	Package string `json:"package"`
	Test    string `json:"test"`
	Output  string `json:"output"`
}

// read adds the events of one package. A test without an end counts as failed: a panic or a timeout stopped it.
func (o outcome) read(pkg string, output []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Test == "" ||
			!strings.HasSuffix(e.Package, path.Join("/", pkg)) {
			continue // output of the compiler, or of a package
		}
		switch name := testName(pkg + " " + e.Test); e.Action {
		case "run", "fail":
			o[name] = "failed"
		case "pass":
			o[name] = "passed"
		}
	}
	return lines.Err()
}

// state returns "passed", "failed" or "not run".
func (o outcome) state(n testName) string {
	return cmp.Or(o[testName(n.pkg()+" "+n.test())], "not run")
}

func (o outcome) passed(tests []testName) error {
	for _, t := range tests {
		if state := o.state(t); state != "passed" {
			return fmt.Errorf("%s has %s", t, state)
		}
	}
	return nil
}

func (o outcome) fails(pkg string) bool {
	for n, state := range o {
		if n.pkg() == pkg && state == "failed" {
			return true
		}
	}
	return false
}

// lastLines returns the end of the output, where the compiler's errors are.
func lastLines(output []byte) string {
	var lines []string
	for line := range strings.Lines(string(output)) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil {
			line = e.Output
		}
		if line = strings.TrimRight(line, "\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
