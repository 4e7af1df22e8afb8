package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const scope = "github.com/konstruct/konstruct/telemetry"

// poolName is the pool of requests. The connection of readiness checks is not observed.
const poolName = "requests"

// ObserveDatabase registers the metrics of a driver and its pool. They are read when they are scraped.
func ObserveDatabase(meters metric.MeterProvider, d *pgtenant.Driver) error {
	meter, pool := meters.Meter(scope), semconv.DBClientConnectionPoolName(poolName)
	used := metric.WithAttributes(pool, semconv.DBClientConnectionStateUsed)
	idle := metric.WithAttributes(pool, semconv.DBClientConnectionStateIdle)
	_, err1 := meter.Int64ObservableUpDownCounter("db.client.connection.count", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections of the pool, by state."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			stat := d.Pool().Stat()
			o.Observe(int64(stat.AcquiredConns()), used)
			o.Observe(int64(stat.IdleConns()), idle)
			return nil
		}))
	_, err2 := meter.Int64ObservableUpDownCounter("db.client.connection.max", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections that the pool may open."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(d.Pool().Stat().MaxConns()), metric.WithAttributes(pool))
			return nil
		}))
	_, err3 := meter.Int64ObservableCounter("konstruct.db.connections.opened", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections opened."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(d.Pool().Stat().NewConnsCount())
			return nil
		}))
	return errors.Join(err1, err2, err3, observeWaits(meter, d), observeStatements(meter, d))
}

// observeWaits registers the waits for a connection, by the limit that was reached: the pool's or the tenant's.
func observeWaits(meter metric.Meter, d *pgtenant.Driver) error {
	byLimit := func(observe func(pgtenant.Waits, metric.MeasurementOption)) {
		s, limit := d.Stats(), attribute.Key("limit")
		observe(s.PoolWaits, metric.WithAttributes(limit.String("pool")))
		observe(s.TenantWaits, metric.WithAttributes(limit.String("tenant")))
	}
	_, err1 := meter.Int64ObservableUpDownCounter("konstruct.db.waits.pending", metric.WithUnit("{wait}"),
		metric.WithDescription("Statements and transactions that wait for a connection."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			byLimit(func(w pgtenant.Waits, limit metric.MeasurementOption) { o.Observe(w.Pending, limit) })
			return nil
		}))
	_, err2 := meter.Int64ObservableCounter("konstruct.db.waits", metric.WithUnit("{wait}"),
		metric.WithDescription("Statements and transactions that waited for a connection."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			byLimit(func(w pgtenant.Waits, limit metric.MeasurementOption) { o.Observe(w.Total, limit) })
			return nil
		}))
	_, err3 := meter.Float64ObservableCounter("konstruct.db.waits.time", metric.WithUnit("s"),
		metric.WithDescription("Time that statements and transactions waited for a connection."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			byLimit(func(w pgtenant.Waits, limit metric.MeasurementOption) { o.Observe(w.Time.Seconds(), limit) })
			return nil
		}))
	return errors.Join(err1, err2, err3)
}

func observeStatements(meter metric.Meter, d *pgtenant.Driver) error {
	_, err1 := meter.Int64ObservableCounter("konstruct.db.statements", metric.WithUnit("{statement}"),
		metric.WithDescription("Statements and commits, by outcome."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for outcome, n := range d.Stats().Statements {
				o.Observe(n, metric.WithAttributes(attribute.String("outcome", string(outcome))))
			}
			return nil
		}))
	_, err2 := meter.Int64ObservableCounter("konstruct.db.round_trips", metric.WithUnit("{round_trip}"),
		metric.WithDescription("Round trips to PostgreSQL."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(d.Stats().RoundTrips)
			return nil
		}))
	_, err3 := meter.Int64ObservableCounter("konstruct.db.sessions.replaced", metric.WithUnit("{session}"),
		metric.WithDescription("Connections closed because an earlier user had changed their session."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(d.Stats().SessionsReplaced)
			return nil
		}))
	return errors.Join(err1, err2, err3)
}
