package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/konstruct/konstruct/integration/testdb"
)

// stage is what the test harness asks of a test, for a program that is none. The harness ends a test from deep inside;
// here that is a panic, which perform turns into an error.
type stage struct {
	testing.TB // for what the harness does not call

	log      io.Writer
	cleanups []func()
	failed   bool
}

type stageError struct{ error }

// perform runs do, and cleans up after it in any case.
func (s *stage) perform(do func() error) (err error) {
	defer func() {
		for _, cleanup := range slices.Backward(s.cleanups) {
			cleanup()
		}
	}()
	defer func() {
		if thrown := recover(); thrown != nil {
			failure, ours := thrown.(stageError)
			if !ours {
				panic(thrown)
			}
			err = failure.error
		}
	}()
	return do()
}

// databases makes empty databases: on the server that KONSTRUCT_TEST_DATABASE_URL names, and otherwise on one that
// nobody else uses, that is as durable as a production server, and that ends with the program.
func (s *stage) databases() func() database {
	create := testdb.New
	if os.Getenv("KONSTRUCT_TEST_DATABASE_URL") == "" {
		var cluster *testdb.Cluster
		create = func(tb testing.TB) *testdb.Database {
			tb.Helper()
			if cluster == nil {
				cluster = testdb.DurableCluster(tb)
			}
			return cluster.New(tb)
		}
	}
	return func() database {
		db := create(s)
		return database{appURL: db.AppURL, superURL: db.SuperURL}
	}
}

func (*stage) Helper()                   {}
func (*stage) Name() string              { return "bench" }
func (s *stage) Failed() bool            { return s.failed }
func (s *stage) Cleanup(cleanup func())  { s.cleanups = append(s.cleanups, cleanup) }
func (s *stage) Log(args ...any)         { fmt.Fprintln(s.log, args...) }
func (s *stage) Logf(f string, a ...any) { fmt.Fprintf(s.log, f+"\n", a...) }

func (s *stage) Errorf(format string, args ...any) {
	s.failed = true
	s.Logf(format, args...)
}

func (s *stage) Fatalf(format string, args ...any) {
	s.failed = true
	panic(stageError{fmt.Errorf(format, args...)})
}

func (s *stage) Fatal(args ...any) {
	s.failed = true
	panic(stageError{errors.New(fmt.Sprint(args...))})
}
