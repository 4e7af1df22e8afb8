package server

import (
	"context"
	"net/http"
)

type healthOutput struct {
	Body healthView
}

type healthView struct {
	Status string `json:"status" enum:"ok"`
}

type readyOutput struct {
	Status int
	Body   readyView
}

type readyView struct {
	Status string      `json:"status" enum:"ready,degraded,not_ready" doc:"not_ready if a required check fails, degraded if reads work but writes fail."`
	Checks []checkView `json:"checks" nullable:"false"`
}

type checkView struct {
	Name     string `json:"name" example:"postgresql"`
	Status   string `json:"status" enum:"ok,failing"`
	Required bool   `json:"required" doc:"Whether a failure makes the server not ready."`
}

// checkOK is the status of a check that passes.
const checkOK = "ok"

// The values of a readyView's status.
const (
	statusReady    = "ready"
	statusDegraded = "degraded"
	statusNotReady = "not_ready"
)

func (s *Server) health(context.Context, *struct{}) (*healthOutput, error) {
	return &healthOutput{Body: healthView{Status: "ok"}}, nil
}

func (s *Server) ready(ctx context.Context, _ *struct{}) (*readyOutput, error) {
	view := s.readiness.now(ctx)
	status := http.StatusOK
	if view.Status == statusNotReady {
		status = http.StatusServiceUnavailable
	}
	return &readyOutput{Status: status, Body: view}, nil
}
