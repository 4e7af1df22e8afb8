package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a module whose tests are strict about some things and not about others.
var sample = map[string]string{
	"go.mod": "module sample\n\ngo 1.24\n",
	"sample.go": `package sample

import "errors"

const query = "select 1 where a = $1 and b = $2"

const fixed = "where a and b"

var needsAConstant [len(fixed)]int

type age int

func (a age) Adult() bool { return a >= 18 }

func Name(first string, known bool) (string, error) {
	if first == "" ||
		!known {
		return "", errors.New("unknown")
	}
	name := first
	name += "!"
	return name, nil
}

func Wait(n int) {
	for i := 0; i < n; {
		i++
	}
}

func Untested() string { return query }

func Twice(a, b bool) {
	if a {
		panic("a")
	}
	if a {
		panic("b")
	}
}
`,
	"sample_test.go": `package sample

import "testing"

func TestSample(t *testing.T) {
	if !age(18).Adult() || age(17).Adult() {
		t.Error("age")
	}
	if name, err := Name("Ada", true); name != "Ada!" || err != nil {
		t.Error("name")
	}
	if _, err := Name("", true); err == nil {
		t.Error("error")
	}
	Wait(3)
	Twice(false, false)
}
`,
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSurvivorsAreWhatIsNotTested(t *testing.T) {
	t.Parallel()
	dir := write(t, sample)
	accepted := filepath.Join(t.TempDir(), "accepted.txt")
	text := "# no caller needs it\nsample.go Untested: return zero for query\n"
	if err := os.WriteFile(accepted, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(context.Background(), &out, []string{"-root", dir, "-accepted", accepted, "-jobs", "2", "-grace", "2s", "."})
	if err == nil {
		t.Error("survivors are a failure")
	}
	want := []string{
		`SURVIVED sample.go:34 Twice: a → false`,
		`SURVIVED sample.go:37 Twice: a → false (2)`,
		`SURVIVED sample.go:5 const query: and → or before b = $2"`,
		`SURVIVED sample.go:17 Name: !known → false`,
		`SURVIVED sample.go:26 Wait: i < → <= n`,
		`SURVIVED sample.go:26 Wait: i < n → false`,
	}
	for _, line := range want {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	if got := strings.Count(out.String(), "SURVIVED"); got != len(want) {
		t.Errorf("%d survived, not %d", got, len(want))
	}
	if !strings.Contains(out.String(), "(1 by time), 6 survived, 1 explained, 0 not tried") { // i++ left out
		t.Error("the summary")
	}
	if t.Failed() {
		t.Log(out.String())
	}
	for name, before := range sample {
		after, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(after) != before {
			t.Errorf("%s was changed", name)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != len(sample) {
		t.Error("files were left behind")
	}
}
