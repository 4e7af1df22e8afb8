package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// tryCode runs a code saboteur's tests on changed sources. If it removes other layers first, its tests must pass before
// this layer is removed.
func (s suite) tryCode(ctx context.Context, sab saboteur) verdict {
	began, v := time.Now(), newVerdict(sab)
	if len(sab.given) > 0 {
		if err := s.holdsAlone(ctx, sab); err != nil {
			return v.end(err, began)
		}
	}
	timeout := testTimeout
	if sab.hangs {
		timeout = hangTimeout
	}
	got, err := s.changed(ctx, sab.tests(), slices.Concat(sab.given, sab.edits), timeout)
	if err != nil {
		return v.end(err, began)
	}
	return got.judge(v, sab).end(got.missing(sab.tests()), began)
}

// judge compares the outcome with the tests that must fail and those that must pass.
func (o outcome) judge(v verdict, sab saboteur) verdict {
	var wanted, red []string
	for _, t := range sab.caught {
		wanted = append(wanted, string(t))
		if o.state(t) == "failed" {
			red = append(red, string(t))
		}
	}
	v = v.noticed("test", wanted, red)
	v.By = append(v.By, o.others(sab.tests())...)
	for _, t := range sab.holds {
		if o.state(t) == "passed" {
			v.Stayed = append(v.Stayed, string(t))
		} else {
			v.Missed = append(v.Missed, "must pass: "+string(t))
		}
	}
	return v
}

// others returns failed tests that the saboteur does not name, which -whole can find.
func (o outcome) others(named []testName) []string {
	var out []string
	for t, state := range o {
		if state == "failed" && !slices.ContainsFunc(named, func(n testName) bool {
			key := n.pkg() + " " + n.test()
			return key == string(t) || strings.HasPrefix(key, string(t)+"/") || strings.HasPrefix(string(t), key+"/")
		}) {
			out = append(out, "test "+string(t))
		}
	}
	slices.Sort(out)
	return out
}

func (o outcome) missing(tests []testName) error {
	for _, t := range tests {
		if o.state(t) == "not run" {
			return fmt.Errorf("%w: no test %q in %s ran", errBroken, t.test(), t.pkg())
		}
	}
	return nil
}

func (s suite) holdsAlone(ctx context.Context, sab saboteur) error {
	got, err := s.changed(ctx, sab.tests(), sab.given, testTimeout)
	if err != nil {
		return err
	}
	if err := got.passed(sab.tests()); err != nil {
		return fmt.Errorf("%w: without the other layers, and with this one, %w", errBroken, err)
	}
	return nil
}

// changed runs the tests on the edited source.
func (s suite) changed(
	ctx context.Context, tests []testName, edits []edit, timeout time.Duration,
) (outcome, error) {
	folder, err := os.MkdirTemp("", "konstruct-sabotage-")
	if err != nil {
		return outcome{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	changed, err := apply(s.root, edits...)
	if err != nil {
		return outcome{}, err
	}
	file, err := overlay(folder, changed)
	if err != nil {
		return outcome{}, err
	}
	return s.run(ctx, tests, "-overlay="+file, "-timeout="+timeout.String())
}
