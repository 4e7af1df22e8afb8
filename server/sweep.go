package server

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/konstruct/konstruct/server/sweep"
)

// buildSweeper starts a sweeper on every instance. One of them sweeps at a time.
func (s *Server) buildSweeper(o Options) {
	s.sweeper = sweep.New(sweep.Options{
		DB: s.db, Clock: o.Clock, Healthy: s.isolation.Healthy,
		Warn: func(ctx context.Context, err error) { s.warn(ctx, "deleting expired rows failed", err) },
	})
	s.background = append(s.background, s.sweeper.Run)
}

func (s *Server) observeSweeper(meter metric.Meter) error {
	err1 := observeCounts(meter, "konstruct.sweep.deleted", "{row}", "Expired rows that were deleted, by table.",
		"table", func() map[string]int64 { return s.sweeper.Stats().Deleted })
	err2 := observeCount(meter, "konstruct.sweep.failures", "{sweep}", "Sweeps that failed, at least in part.",
		func() int64 { return s.sweeper.Stats().Failures })
	_, err3 := meter.Float64ObservableGauge("konstruct.sweep.last_success", metric.WithUnit("s"),
		metric.WithDescription("Unix time of the last completed sweep of this process, or 0."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			at := 0.0
			if last := s.sweeper.Stats().LastSuccess; !last.IsZero() {
				at = float64(last.Unix())
			}
			o.Observe(at)
			return nil
		}))
	return errors.Join(err1, err2, err3)
}
