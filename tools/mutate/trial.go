package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// variable holds the ID of the enabled mutant.
const variable = "KONSTRUCT_MUTANT"

// trial tests the changes of packages sequentially.
type trial struct {
	root     string
	jobs     int
	grace    time.Duration
	skip     string
	only     *regexp.Regexp
	accepted map[string]bool
	out      io.Writer

	mu                                         sync.Mutex
	killed, late, survived, explained, untried int
}

// folder tests the changes of one package: FOLDER, or FOLDER=TEST-FOLDER,… if other packages test it, too.
func (t *trial) folder(ctx context.Context, argument string) error {
	folder, more, found := strings.Cut(argument, "=")
	tests := []string{filepath.Clean(folder)}
	if found {
		tests = append(tests, strings.Split(more, ",")...)
	}
	scratch, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	p := &suite{trial: t, folder: tests[0], tests: tests, scratch: scratch, dropped: map[int]bool{}}
	if err := p.load(ctx); err != nil {
		return err
	}
	if err := p.build(ctx); err != nil {
		return err
	}
	limit, err := p.baseline(ctx)
	if err != nil {
		return err
	}
	p.all(ctx, limit)
	return nil
}

// suite is a package, its changes and its test binaries.
type suite struct {
	*trial

	folder, scratch string
	tests           []string // the folders of the test packages
	name            string   // the package's
	sources         []*source
	dropped         map[int]bool // mutants that do not compile
}

func (p *suite) load(ctx context.Context) error {
	list := exec.CommandContext(ctx, "go", "list", "-json=Name,GoFiles", "./"+p.folder)
	list.Dir = p.root
	output, err := list.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	var pkg struct {
		Name    string
		GoFiles []string
	}
	if err := json.Unmarshal(output, &pkg); err != nil {
		return err
	}
	p.name = pkg.Name
	id := 0
	for _, file := range pkg.GoFiles {
		name := filepath.ToSlash(filepath.Join(p.folder, file))
		text, err := os.ReadFile(filepath.Join(p.root, name))
		if err != nil {
			return err
		}
		s, err := parse(name, text, func() int { id++; return id })
		if err != nil {
			return err
		}
		p.sources = append(p.sources, s)
	}
	return nil
}

const maxBuilds = 10

// build compiles the test binaries with all changes that compile.
func (p *suite) build(ctx context.Context) error {
	for range maxBuilds {
		if err := p.overlay(); err != nil {
			return err
		}
		output, err := p.compile(ctx, p.folder)
		if err == nil {
			return p.compileOthers(ctx)
		}
		if p.drop(output) == 0 {
			return fmt.Errorf("go test -c: %w\n%s", err, output)
		}
	}
	return errors.New("changes that do not compile remain")
}

func (p *suite) compileOthers(ctx context.Context) error {
	for _, folder := range p.tests[1:] {
		if output, err := p.compile(ctx, folder); err != nil {
			return fmt.Errorf("go test -c %s: %w\n%s", folder, err, output)
		}
	}
	return nil
}

func (p *suite) compile(ctx context.Context, folder string) ([]byte, error) {
	compile := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-gcflags=-e",
		"-overlay", p.file("overlay.json"), "-o", p.binary(folder), "./"+folder)
	compile.Dir = p.root
	return compile.CombinedOutput()
}

func (p *suite) binary(folder string) string {
	return p.file(strings.ReplaceAll(folder, "/", "-") + ".test")
}

func (p *suite) file(name string) string { return filepath.Join(p.scratch, name) }

func (p *suite) overlay() error {
	place := func(name string) string { return filepath.Join(p.root, p.folder, name) }
	replace := map[string]string{place("mutate_switches.go"): p.file("switches.go")}
	if err := os.WriteFile(p.file("switches.go"), fmt.Appendf(nil, switches, p.name, variable), 0o600); err != nil {
		return err
	}
	for i, s := range p.sources {
		changed := p.file(strconv.Itoa(i) + ".go")
		text := s.apply(func(mutant int) bool { return !p.dropped[mutant] })
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return err
		}
		replace[filepath.Join(p.root, s.name)] = changed
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(p.file("overlay.json"), text, 0o600)
}

var position = regexp.MustCompile(`(?m)^(\S+\.go):(\d+):`)

// drop drops the changes on lines with compiler errors and returns their number. Changes keep line numbers. If no line
// matches, a changed constant was used where a constant is required.
func (p *suite) drop(output []byte) int {
	named := map[string]bool{}
	for _, found := range position.FindAllSubmatch(output, -1) {
		named[filepath.Base(string(found[1]))+":"+string(found[2])] = true
	}
	count := p.dropWhere(func(file int, m mutant) bool {
		line := ":" + strconv.Itoa(m.line)
		return named[strconv.Itoa(file)+".go"+line] || named[filepath.Base(m.file)+line]
	})
	if count == 0 {
		count = p.dropWhere(func(_ int, m mutant) bool {
			name, isConst := strings.CutPrefix(m.fn, "const ")
			return isConst && bytes.Contains(output, []byte(name))
		})
	}
	return count
}

func (p *suite) dropWhere(matches func(file int, m mutant) bool) int {
	count := 0
	for i, s := range p.sources {
		for _, m := range s.mutants {
			if !p.dropped[m.id] && matches(i, m) {
				p.dropped[m.id] = true
				count++
			}
		}
	}
	return count
}

// baseline runs the unchanged tests and returns the timeout for mutants.
func (p *suite) baseline(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if output, err := p.test(ctx, 0, 10*time.Minute); err != nil {
		return 0, fmt.Errorf("run tests without a change: %w\n%s", err, output)
	}
	return 5*time.Since(began) + p.grace, nil
}

// test runs the test binaries with one mutant until one fails.
func (p *suite) test(ctx context.Context, mutant int, limit time.Duration) ([]byte, error) {
	for _, folder := range p.tests {
		if output, err := p.testFolder(ctx, folder, mutant, limit); err != nil {
			return output, err
		}
	}
	return nil, nil
}

func (p *suite) testFolder(ctx context.Context, folder string, mutant int, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit+10*time.Second) // after -test.timeout
	defer cancel()
	// Database tests mostly wait, so run more than there are cores.
	test := exec.CommandContext(ctx, p.binary(folder),
		"-test.failfast", "-test.parallel=12", "-test.timeout="+limit.String(), "-test.skip="+p.skip)
	test.Dir = filepath.Join(p.root, folder)
	test.Env = append(os.Environ(), variable+"="+strconv.Itoa(mutant))
	test.WaitDelay = 5 * time.Second // child processes may keep the output open
	var output bytes.Buffer
	test.Stdout, test.Stderr = &output, &output
	err := test.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return output.Bytes(), err
}

func (p *suite) all(ctx context.Context, limit time.Duration) {
	work := make(chan mutant)
	var workers sync.WaitGroup
	for range p.jobs {
		workers.Go(func() {
			for m := range work {
				output, err := p.test(ctx, m.id, limit)
				p.count(ctx, m, output, err)
			}
		})
	}
	for _, s := range p.sources {
		for _, m := range s.mutants {
			if !p.dropped[m.id] && p.only.MatchString(m.String()) {
				work <- m
			}
		}
	}
	close(work)
	workers.Wait()
}

func (p *suite) count(ctx context.Context, m mutant, output []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		p.untried++
	case err != nil && bytes.Contains(output, []byte("panic: test timed out")):
		p.killed++
		p.late++
	case err != nil:
		p.killed++
	case p.accepted[m.key()]:
		p.explained++
	default:
		p.survived++
		fmt.Fprintf(p.out, "SURVIVED %s\n", m)
	}
}

// readAccepted reads the explained survivors: lines "file function: change" and comments.
func readAccepted(file string) (map[string]bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	accepted := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			accepted[line] = true
		}
	}
	return accepted, nil
}
