package server

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/problem"
)

const scope = "github.com/konstruct/konstruct/server"

// metrics are those of requests. Nil records nothing.
type metrics struct {
	duration metric.Float64Histogram
	active   atomic.Int64
	mu       sync.RWMutex
	options  map[requestKind][]metric.RecordOption
}

// requestKind is what a request's duration is recorded under. Nothing in it is the client's choice.
type requestKind struct {
	method string
	route  string // the template; "" where no route matched
	status int
	code   problem.Code // of a failure of the server
}

// newMetrics registers the metrics of the server and its parts. They are read when they are scraped, except for the
// durations of requests.
func (s *Server) newMetrics(meters metric.MeterProvider) (*metrics, error) {
	meter, m := meters.Meter(scope), &metrics{options: map[requestKind][]metric.RecordOption{}}
	duration, err1 := httpconv.NewServerRequestDuration(meter)
	m.duration = duration.Inst()
	_, err2 := meter.Int64ObservableUpDownCounter("http.server.active_requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that are being served."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(m.active.Load())
			return nil
		}))
	_, err3 := meter.Int64ObservableGauge("konstruct.check.passing",
		metric.WithDescription("1 while a check of /readyz passes, 0 while it fails."),
		metric.WithInt64Callback(func(ctx context.Context, o metric.Int64Observer) error {
			for _, check := range s.readiness.now(ctx).Checks {
				passing := int64(0)
				if check.Status == checkOK {
					passing = 1
				}
				o.Observe(passing, metric.WithAttributes(attribute.String("check", check.Name)))
			}
			return nil
		}))
	return m, errors.Join(err1, err2, err3,
		s.observeLogins(meter), s.observeIngress(meter), s.observeMail(meter), s.observePurges(meter),
		s.observeSweeper(meter))
}

func (s *Server) observeLogins(meter metric.Meter) error {
	err1 := observeCounts(meter, "konstruct.login.attempts", "{attempt}", "Login attempts, by outcome.", "outcome",
		func() map[string]int64 { return s.logins.Stats().Attempts })
	_, err2 := meter.Int64ObservableUpDownCounter("konstruct.login.hashes", metric.WithUnit("{password}"),
		metric.WithDescription("Passwords that are hashed or wait for it; those from known devices have their own "+
			"queue."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			stats := s.logins.Stats()
			for queue, q := range map[string]account.SemaphoreStats{
				"unknown_devices": stats.UnknownDevices, "known_devices": stats.KnownDevices,
			} {
				for state, n := range map[string]int{"running": q.Running, "waiting": q.Waiting} {
					o.Observe(int64(n), metric.WithAttributes(attribute.String("queue", queue),
						attribute.String("state", state)))
				}
			}
			return nil
		}))
	return errors.Join(err1, err2)
}

func (s *Server) observeIngress(meter metric.Meter) error {
	return observeCounts(meter, "konstruct.ingress.events", "{event}", "Events that channels sent, by outcome.",
		"outcome", func() map[string]int64 {
			if s.slack == nil {
				return nil
			}
			return maps.Collect(s.slack.Stats().All())
		}, attribute.String("channel", "slack"))
}

// observeCounts registers a counter of what counts returns, whose keys become the attribute key. Each value also has
// the attributes of all.
func observeCounts(
	meter metric.Meter, name, unit, description, key string, counts func() map[string]int64,
	all ...attribute.KeyValue,
) error {
	_, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for value, n := range counts() {
				o.Observe(n, metric.WithAttributes(all...), metric.WithAttributes(attribute.String(key, value)))
			}
			return nil
		}))
	return err
}

// observeCount registers a counter of what count returns.
func observeCount(meter metric.Meter, name, unit, description string, count func() int64) error {
	_, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(count())
			return nil
		}))
	return err
}

// record records a request's duration, with options that are made once for each kind.
func (m *metrics) record(ctx context.Context, kind requestKind, elapsed time.Duration) {
	m.mu.RLock()
	options := m.options[kind]
	m.mu.RUnlock()
	if options == nil {
		options = []metric.RecordOption{metric.WithAttributeSet(kind.attributes())}
		m.mu.Lock()
		m.options[kind] = options
		m.mu.Unlock()
	}
	m.duration.Record(ctx, elapsed.Seconds(), options...)
}

// measured records a request that has ended, and ends its span.
func (s *Server) measured(ctx context.Context, c *gin.Context, started time.Time) {
	r := requestOf(ctx)
	kind := requestKind{method: methodOf(c.Request.Method), route: r.route, status: c.Writer.Status()}
	if kind.status >= http.StatusInternalServerError {
		kind.code = r.code
	}
	if s.metrics != nil {
		s.metrics.active.Add(-1)
		s.metrics.record(ctx, kind, s.clock().Sub(started))
	}
	if s.tracer != nil {
		endSpan(trace.SpanFromContext(ctx), r, kind)
	}
}

// known are the attributes that a request has before it is served. The scheme is that of this listener, which has no
// TLS.
func (k requestKind) known() []attribute.KeyValue {
	method := k.method
	if method == otherMethod {
		method = "_OTHER"
	}
	attributes := []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme("http")}
	if k.route != "" {
		attributes = append(attributes, semconv.HTTPRoute(k.route))
	}
	return attributes
}

// attributes are those of OpenTelemetry's conventions for HTTP servers.
func (k requestKind) attributes() attribute.Set {
	attributes := append(k.known(), semconv.HTTPResponseStatusCode(k.status))
	if k.status >= http.StatusInternalServerError {
		attributes = append(attributes, semconv.ErrorTypeKey.String(k.errorType()))
	}
	return attribute.NewSet(attributes...)
}

// errorType is the code of the API's problem, which says more than the status.
func (k requestKind) errorType() string {
	if k.code == "" {
		return strconv.Itoa(k.status)
	}
	return string(k.code)
}
