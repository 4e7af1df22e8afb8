package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/konstruct/konstruct/integration/testdb"
)

// mostJobs keeps the saboteurs' connections below what one test server takes.
const mostJobs = 4

// baselineTimeout bounds one package's share of the baseline, which runs all that any saboteur needs of it.
const baselineTimeout = 10 * time.Minute

// errUnproven is the run's failure: the suite is not proven.
var errUnproven = errors.New("the suite is not proven")

// run tries the saboteurs, prints what came of each, and writes the report. Everything happens on a server that is thrown
// away: tests that fail here leave their databases behind.
func run(ctx context.Context, chosen []saboteur, o options, out io.Writer) error {
	if len(chosen) == 0 {
		return fmt.Errorf("%w: no saboteur was chosen", errUnproven)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	began := time.Now()
	var verdicts []verdict
	err = hosted(ctx, "sabotage", func(h *host) {
		cluster := testdb.OwnCluster(h) //nolint:contextcheck // it ends with its host
		t := trials{
			suite: suite{root: root, whole: o.whole, environment: []string{"KONSTRUCT_TEST_DATABASE_URL=" + cluster.SuperURL}},
			data:  cluster, out: out,
		}
		t.sayf("Sabotage on %s: %d saboteurs, %d at a time.", cluster, len(chosen), o.jobs)
		if err := t.baseline(ctx, h, chosen); err != nil {
			h.Fatalf("%v", err)
		}
		verdicts = t.all(ctx, chosen, o.jobs)
	})
	if err := errors.Join(err, ctx.Err()); err != nil {
		return fmt.Errorf("%w: %w", errUnproven, err)
	}
	r := newReport(sorted(verdicts), began)
	if err := r.write(o.folder); err != nil {
		return err
	}
	return r.conclude(out)
}

// trials are what the saboteurs are tried on.
type trials struct {
	suite suite
	data  *testdb.Cluster

	mu  sync.Mutex
	out io.Writer
}

func (t *trials) sayf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = fmt.Fprintf(t.out, format+"\n", args...) // nobody is left to tell
}

// baseline proves that everything is green before anything is taken away: what is red already can't turn red.
func (t *trials) baseline(ctx context.Context, h *host, chosen []saboteur) error {
	began := time.Now()
	var tests []testName
	data := false
	for _, s := range chosen {
		if err := s.fault(); err != nil {
			return err
		}
		if s.code != nil {
			tests = append(tests, s.code.tests()...)
		}
		data = data || s.data != nil
	}
	got, err := t.suite.run(ctx, tests, "-timeout="+baselineTimeout.String())
	if err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	for _, test := range tests {
		if state := got.state(test); state != "passed" {
			return fmt.Errorf("baseline: without any sabotage, %s has %s", test, state)
		}
	}
	if data {
		if err := cleanDatabase(ctx, h, t.data); err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
	}
	t.sayf("Baseline: %d tests, the doctor and the attack kit are green, in %s.\n", len(tests), time.Since(began).Round(time.Second))
	return nil
}

func cleanDatabase(ctx context.Context, h *host, cluster *testdb.Cluster) error {
	clean, err := sabotaged(ctx, h, cluster, data{plant: "SELECT 1"})
	if err == nil && len(clean.findings)+len(clean.breaches)+len(clean.faults) > 0 {
		err = fmt.Errorf("without any sabotage, found %v, breached %v, %v", clean.findings, clean.breaches, clean.faults)
	}
	return err
}

// all tries every saboteur, some at the same time.
func (t *trials) all(ctx context.Context, chosen []saboteur, jobs int) []verdict {
	verdicts := make([]verdict, len(chosen))
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(1, jobs) {
		workers.Go(func() {
			for i := range next {
				verdicts[i] = t.one(ctx, chosen[i])
				t.sayf("%s", verdicts[i].line())
			}
		})
	}
	for i := range chosen {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	return verdicts
}

func (t *trials) one(ctx context.Context, s saboteur) verdict {
	if s.code != nil {
		return t.suite.tryCode(ctx, s)
	}
	return tryData(ctx, t.data, s)
}

// moduleRoot is the folder of go.mod, from here upwards.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod")) //nolint:gosec // our own go.mod
		if err == nil && strings.HasPrefix(string(text), "module github.com/konstruct/konstruct\n") {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("run it inside the repository: no go.mod of Konstruct's was found")
		}
		folder = parent
	}
}
