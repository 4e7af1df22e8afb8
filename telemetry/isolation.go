package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

// ObserveIsolation registers the metrics of the doctor's monitor.
func ObserveIsolation(meters metric.MeterProvider, m *doctor.Monitor) error {
	meter := meters.Meter(scope)
	_, err1 := meter.Int64ObservableGauge("konstruct.isolation.healthy",
		metric.WithDescription("1 while tenant isolation is proven; at 0 tenant traffic is refused."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			healthy := int64(1)
			if m.Healthy() != nil {
				healthy = 0
			}
			o.Observe(healthy)
			return nil
		}))
	_, err2 := meter.Float64ObservableGauge("konstruct.isolation.check.age", metric.WithUnit("s"),
		metric.WithDescription("Time since the last completed check of isolation. Absent before the first."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if age, checked := m.Age(); checked {
				o.Observe(age.Seconds())
			}
			return nil
		}))
	_, err3 := meter.Int64ObservableGauge("konstruct.isolation.findings", metric.WithUnit("{finding}"),
		metric.WithDescription("Findings of the last completed check, by level."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for level, n := range m.Findings() {
				o.Observe(int64(n), metric.WithAttributes(attribute.String("level", string(level))))
			}
			return nil
		}))
	return errors.Join(err1, err2, err3)
}
