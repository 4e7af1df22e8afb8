package server

import (
	"context"
	"errors"
	"sync/atomic"
)

// errUnproven is why nothing of a tenant is served before the first check.
var errUnproven = errors.New("server: isolation has not been checked yet")

// gate remembers whether tenants were isolated when last asked. It is closed until the first check, so that no path
// to serving tenants leads around it.
type gate struct {
	check  func(context.Context) error
	result atomic.Pointer[error]
}

// ask runs the check. One that was cut short by its context says nothing new.
func (g *gate) ask(ctx context.Context) error {
	err := g.check(ctx)
	if err != nil && ctx.Err() != nil {
		return err
	}
	g.result.Store(&err)
	return err
}

// err is the last result.
func (g *gate) err() error {
	if last := g.result.Load(); last != nil {
		return *last
	}
	return errUnproven
}

func (g *gate) asCheck() Check {
	return Check{Name: "isolation", Required: true, Run: func(context.Context) error { return g.err() }}
}

// CheckIsolation asks once whether tenants are isolated, and serves or refuses them accordingly. Run does it before it
// listens, and each minute after.
func (s *Server) CheckIsolation(ctx context.Context) error { return s.isolation.ask(ctx) }
