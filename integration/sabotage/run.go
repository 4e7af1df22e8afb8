package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/konstruct/konstruct/integration/mockt"
	"github.com/konstruct/konstruct/integration/testdb"
)

// maxJobs keeps the number of connections below the test server's limit.
const maxJobs = 4

// baselineTimeout limits one package of the baseline.
const baselineTimeout = 10 * time.Minute

// errUnproven is returned when a saboteur was not noticed or did not work.
var errUnproven = errors.New("the suite is not proven")

// run runs the saboteurs and writes the report. Its server is temporary, because failing tests keep their databases.
func run(ctx context.Context, chosen []saboteur, o options, out io.Writer) error {
	if len(chosen) == 0 {
		return fmt.Errorf("%w: no saboteur selected", errUnproven)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	began := time.Now()
	var verdicts []verdict
	host := mockt.New(ctx, "sabotage")
	host.Do(func(h *mockt.T) {
		cluster := testdb.OwnCluster(h) //nolint:contextcheck // the cluster ends with h
		t := trials{
			suite: suite{root: root, whole: o.whole, environment: []string{"KONSTRUCT_TEST_DATABASE_URL=" +
				cluster.SuperURL}},
			data: cluster, jobs: max(1, o.jobs), out: out,
		}
		t.printf("Sabotage on %s: %d saboteurs, %d in parallel.", cluster, len(chosen), t.jobs)
		if err := t.baseline(ctx, h, chosen); err != nil {
			h.Fatalf("%v", err)
		}
		verdicts = t.all(ctx, chosen)
	})
	if err := errors.Join(host.Err(), ctx.Err()); err != nil {
		return fmt.Errorf("%w: %w", errUnproven, err)
	}
	r := newReport(sorted(verdicts), began)
	if err := r.write(o.folder); err != nil {
		return err
	}
	return r.conclude(out)
}

type trials struct {
	suite suite
	data  *testdb.Cluster
	jobs  int

	mu  sync.Mutex
	out io.Writer
}

func (t *trials) printf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, format+"\n", args...)
}

// baseline checks that all named tests, the doctor and the attack kit pass on the unchanged source.
func (t *trials) baseline(ctx context.Context, h *mockt.T, chosen []saboteur) error {
	began := time.Now()
	var tests []testName
	for _, s := range chosen {
		if err := s.fault(); err != nil {
			return err
		}
		tests = append(tests, s.tests()...)
	}
	pkgs := packages(tests)
	errs := make([]error, len(pkgs)+1)
	t.parallel(len(errs), func(i int) {
		if i == len(pkgs) {
			errs[i] = cleanDatabase(ctx, h, t.data)
			return
		}
		errs[i] = t.suite.passes(ctx, slices.DeleteFunc(slices.Clone(tests),
			func(n testName) bool { return n.pkg() != pkgs[i] }))
	})
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	t.printf("Baseline: %d tests, the doctor and the attack kit pass, in %s.\n", len(tests),
		time.Since(began).Round(time.Second))
	return nil
}

// passes returns an error unless all tests pass on the unchanged source.
func (s suite) passes(ctx context.Context, tests []testName) error {
	got, err := s.run(ctx, tests, "-timeout="+baselineTimeout.String())
	if err != nil {
		return err
	}
	for _, test := range tests {
		if state := got.state(test); state != "passed" {
			return fmt.Errorf("without sabotage, %s has %s", test, state)
		}
	}
	return nil
}

func cleanDatabase(ctx context.Context, h *mockt.T, cluster *testdb.Cluster) error {
	clean, err := sabotaged(ctx, h, cluster, saboteur{plant: "SELECT 1"}, nil)
	if err == nil && len(clean.findings)+len(clean.breaches)+len(clean.faults) > 0 {
		err = fmt.Errorf("without sabotage: findings %v, breaches %v, faults %v", clean.findings, clean.breaches,
			clean.faults)
	}
	return err
}

func (t *trials) all(ctx context.Context, chosen []saboteur) []verdict {
	verdicts := make([]verdict, len(chosen))
	t.parallel(len(chosen), func(i int) {
		if ctx.Err() == nil {
			verdicts[i] = t.one(ctx, chosen[i])
			t.printf("%s", verdicts[i].line())
		}
	})
	return verdicts
}

// parallel calls do with 0 to n-1 in as many goroutines as there are jobs.
func (t *trials) parallel(n int, do func(int)) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range t.jobs {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

func (t *trials) one(ctx context.Context, s saboteur) verdict {
	if s.plant == "" {
		return t.suite.tryCode(ctx, s)
	}
	return tryData(ctx, t.data, s, t.suite.whole)
}

// moduleRoot returns the nearest parent folder with this module's go.mod.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod")) //nolint:gosec // this module's go.mod
		if err == nil && strings.HasPrefix(string(text), "module github.com/konstruct/konstruct\n") {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("run this inside the repository: found no go.mod of Konstruct")
		}
		folder = parent
	}
}
