package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Options is what [Start] needs.
type Options struct {
	// Version is the service's.
	Version string
	// Listener serves /metrics and /debug/pprof/. Nil turns metrics off.
	Listener net.Listener
	// TracesURL is where spans are sent by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces. Empty turns traces off.
	// Headers, sampler and resource attributes come from the OTEL_* variables of the process.
	TracesURL string
	// Logger receives export errors.
	Logger *slog.Logger
}

// Telemetry holds the providers of metrics and traces.
type Telemetry struct {
	log      *slog.Logger
	registry *prometheus.Registry
	server   *http.Server
	meters   *sdkmetric.MeterProvider
	tracers  *sdktrace.TracerProvider
}

const readHeaderTimeout = 5 * time.Second

// Start creates the providers and serves on the listener until [Telemetry.Shutdown]. It sets OpenTelemetry's error
// handler, which is global to the process.
func Start(ctx context.Context, o Options) (*Telemetry, error) {
	t := &Telemetry{log: o.Logger}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		t.log.Warn("telemetry could not be exported", "error", err) //nolint:sloglint // no context here
	}))
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("konstruct"), semconv.ServiceVersion(o.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv()) // the operator's attributes win
	if err != nil {
		return nil, fmt.Errorf("telemetry: describe the service: %w", err)
	}
	if o.TracesURL != "" {
		if err := t.exportTraces(ctx, o.TracesURL, about); err != nil {
			return nil, err
		}
	}
	if o.Listener != nil {
		if err := t.serveMetrics(o.Listener, about); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Telemetry) exportTraces(ctx context.Context, url string, about *resource.Resource) error {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(url))
	if err != nil {
		return fmt.Errorf("telemetry: export traces: %w", err)
	}
	t.tracers = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return nil
}

func (t *Telemetry) serveMetrics(listener net.Listener, about *resource.Resource) error {
	t.registry = prometheus.NewRegistry()
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := promexporter.New(promexporter.WithRegisterer(t.registry), promexporter.WithoutScopeInfo(),
		promexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return fmt.Errorf("telemetry: export metrics: %w", err)
	}
	t.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(about),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter))
	// No write timeout: the request sets the duration of a profile.
	t.server = &http.Server{Handler: t.handler(), ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		if err := t.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.log.Error("metrics are no longer served", "error", err)
		}
	}()
	return nil
}

func (t *Telemetry) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(t.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// Meters returns the provider of metrics, or nil if they are off.
func (t *Telemetry) Meters() metric.MeterProvider {
	if t.meters == nil {
		return nil
	}
	return t.meters
}

// Tracers returns the provider of traces, or nil if they are off.
func (t *Telemetry) Tracers() trace.TracerProvider {
	if t.tracers == nil {
		return nil
	}
	return t.tracers
}

// Shutdown exports the remaining spans until ctx ends, and closes the listener.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var err error
	if t.tracers != nil {
		err = t.tracers.Shutdown(ctx)
	}
	if t.server != nil {
		err = errors.Join(err, t.server.Close(), t.meters.Shutdown(ctx))
	}
	return err
}
