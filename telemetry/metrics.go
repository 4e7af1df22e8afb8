package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// poolName is the pool of requests. The connection of readiness checks is not observed.
const poolName = "requests"

// Observe registers the metrics of a driver, its pool and the doctor's monitor, unless metrics are off.
func (t *Telemetry) Observe(d *pgtenant.Driver, m *doctor.Monitor) error {
	if t.meters == nil {
		return nil
	}
	meter := t.meters.Meter("github.com/konstruct/konstruct/telemetry")
	return errors.Join(observeDatabase(meter, d), observeIsolation(meter, m))
}

func observeDatabase(meter metric.Meter, d *pgtenant.Driver) error {
	i := instruments{meter: meter}
	connections := i.gauge("db.client.connection.count", "{connection}", "Connections of the pool, by state.")
	limit := i.gauge("db.client.connection.max", "{connection}", "Connections that the pool may open.")
	opened := i.counter("konstruct.db.connections.opened", "{connection}", "Connections opened.")
	pending := i.gauge("konstruct.db.waits.pending", "{wait}",
		"Statements and transactions that wait for a connection.")
	waits := i.counter("konstruct.db.waits", "{wait}", "Statements and transactions that waited for a connection.")
	waited := i.counter("konstruct.db.waits.time", "s",
		"Time that statements and transactions waited for a connection.")
	statements := i.counter("konstruct.db.statements", "{statement}", "Statements and commits, by outcome.")
	roundTrips := i.counter("konstruct.db.round_trips", "{round_trip}", "Round trips to PostgreSQL.")
	replaced := i.counter("konstruct.db.sessions.replaced", "{session}",
		"Connections closed because an earlier user had changed their session.")

	return i.observe(func(observe observer) {
		pool, stats, name := d.Pool().Stat(), d.Stats(), semconv.DBClientConnectionPoolName(poolName)
		observe(connections, float64(pool.AcquiredConns()), name, semconv.DBClientConnectionStateUsed)
		observe(connections, float64(pool.IdleConns()), name, semconv.DBClientConnectionStateIdle)
		observe(limit, float64(pool.MaxConns()), name)
		observe(opened, float64(pool.NewConnsCount()))
		for reached, w := range map[string]pgtenant.Waits{"pool": stats.PoolWaits, "tenant": stats.TenantWaits} {
			by := attribute.String("limit", reached)
			observe(pending, float64(w.Pending), by)
			observe(waits, float64(w.Total), by)
			observe(waited, w.Time.Seconds(), by)
		}
		for outcome, n := range stats.Statements {
			observe(statements, float64(n), attribute.String("outcome", string(outcome)))
		}
		observe(roundTrips, float64(stats.RoundTrips))
		observe(replaced, float64(stats.SessionsReplaced))
	})
}

func observeIsolation(meter metric.Meter, m *doctor.Monitor) error {
	i := instruments{meter: meter}
	healthy := i.gauge("konstruct.isolation.healthy", "",
		"1 while tenant isolation is proven; at 0 tenant traffic is refused.")
	age := i.gauge("konstruct.isolation.check.age", "s",
		"Time since the last completed check of isolation. Absent before the first.")
	findings := i.gauge("konstruct.isolation.findings", "{finding}", "Findings of the last completed check, by level.")

	return i.observe(func(observe observer) {
		proven := 1.0
		if m.Healthy() != nil {
			proven = 0
		}
		observe(healthy, proven)
		if since, checked := m.Age(); checked {
			observe(age, since.Seconds())
		}
		for level, n := range m.Findings() {
			observe(findings, float64(n), attribute.String("level", string(level)))
		}
	})
}

// instruments are observed together. Gauges and counters suffice: Prometheus has no others without buckets.
type instruments struct {
	meter metric.Meter
	all   []metric.Observable
	err   error
}

func (i *instruments) gauge(name, unit, description string) metric.Float64Observable {
	g, err := i.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.all, i.err = append(i.all, g), errors.Join(i.err, err)
	return g
}

func (i *instruments) counter(name, unit, description string) metric.Float64Observable {
	c, err := i.meter.Float64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.all, i.err = append(i.all, c), errors.Join(i.err, err)
	return c
}

type observer func(of metric.Float64Observable, value float64, labels ...attribute.KeyValue)

// observe registers a callback for all instruments.
func (i *instruments) observe(callback func(observer)) error {
	_, err := i.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		callback(func(of metric.Float64Observable, value float64, labels ...attribute.KeyValue) {
			o.ObserveFloat64(of, value, metric.WithAttributes(labels...))
		})
		return nil
	}, i.all...)
	return errors.Join(i.err, err)
}
