package attack

import "context"

// TB is what the kit needs of a *testing.T. The kit does not import the testing package, so that a binary can include
// it.
type TB interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
	Cleanup(f func())
	Parallel()
}

// T is a [TB] with subtests of its type: *testing.T is a T[*testing.T].
type T[Self any] interface {
	TB
	Run(name string, f func(Self)) bool
}

// test is a T without its type parameter.
type test struct {
	TB

	sub func(name string, f func(test)) bool
}

func adapt[S T[S]](t S) test {
	return test{TB: t, sub: func(name string, f func(test)) bool {
		return t.Run(name, func(s S) { f(adapt(s)) })
	}}
}
