package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	// readyFor is how long an answer of /readyz is reused: anybody may ask, as often as they like.
	readyFor = time.Second
	// checkTimeout bounds all checks of one answer together.
	checkTimeout = 3 * time.Second
)

type healthOutput struct {
	Body healthView
}

type healthView struct {
	Status string `json:"status" enum:"ok" doc:"The process answers."`
}

type readyOutput struct {
	Status int
	Body   readyView
}

type readyView struct {
	Status string      `json:"status" enum:"ready,not_ready" doc:"Whether every required check passes."`
	Checks []checkView `json:"checks" nullable:"false"`
}

type checkView struct {
	Name     string `json:"name" example:"postgresql"`
	Status   string `json:"status" enum:"ok,failing"`
	Required bool   `json:"required" doc:"Whether a failure makes the server not ready."`
}

func (s *Server) health(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Body: healthView{Status: "ok"}}, nil
}

func (s *Server) ready(ctx context.Context, _ *struct{}) (*readyOutput, error) {
	view := s.readiness.now(ctx)
	status := http.StatusOK
	if view.Status != "ready" {
		status = http.StatusServiceUnavailable
	}
	return &readyOutput{Status: status, Body: view}, nil
}

// readiness runs the checks, one caller at a time.
type readiness struct {
	log    *slog.Logger
	clock  func() time.Time
	checks []Check

	mu       sync.Mutex
	draining bool
	last     readyView
	at       time.Time
}

func newReadiness(log *slog.Logger, clock func() time.Time, checks []Check) *readiness {
	return &readiness{log: log, clock: clock, checks: checks}
}

// drain makes the server not ready for good, so that a load balancer sends nobody while it stops.
func (r *readiness) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

func (r *readiness) now(ctx context.Context) readyView {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return readyView{Status: "not_ready", Checks: []checkView{{Name: "stopping", Status: "failing", Required: true}}}
	}
	if age := r.clock().Sub(r.at); age >= 0 && age < readyFor {
		return r.last
	}
	// The answer is for others too: it must not fail because this caller went away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	r.last, r.at = r.run(ctx), r.clock()
	return r.last
}

func (r *readiness) run(ctx context.Context) readyView {
	view := readyView{Status: "ready", Checks: make([]checkView, 0, len(r.checks))}
	for _, check := range r.checks {
		state := "ok"
		if err := check.Run(ctx); err != nil {
			state = "failing"
			r.log.LogAttrs(ctx, slog.LevelWarn, "check failed",
				slog.String("check", check.Name), slog.Bool("required", check.Required), causeAttr(err))
			if check.Required {
				view.Status = "not_ready"
			}
		}
		view.Checks = append(view.Checks, checkView{Name: check.Name, Status: state, Required: check.Required})
	}
	return view
}
