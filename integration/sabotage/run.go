package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

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
	root, err := moduleRoot(ctx)
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
	r := newReport(verdicts, began)
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
	if err := got.passed(tests); err != nil {
		return fmt.Errorf("without sabotage, %w", err)
	}
	return nil
}

func cleanDatabase(ctx context.Context, h *mockt.T, cluster *testdb.Cluster) error {
	clean, err := sabotaged(ctx, h, cluster, saboteur{plant: "SELECT 1"}, true)
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
	var group errgroup.Group
	group.SetLimit(t.jobs)
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait()
}

func (t *trials) one(ctx context.Context, s saboteur) verdict {
	if s.plant == "" {
		return t.suite.tryCode(ctx, s)
	}
	return tryData(ctx, t.data, s, t.suite.whole)
}

// moduleRoot returns the folder of this module, which the working directory is in.
func moduleRoot(ctx context.Context) (string, error) {
	const module = "github.com/konstruct/konstruct"
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("run this inside the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
