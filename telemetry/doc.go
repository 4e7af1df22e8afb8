// Package telemetry sets up what an operator sees of a process: metrics for Prometheus and pprof on a listener of their
// own, traces over OTLP, and trace ids in the log. Other packages use OpenTelemetry's API only, with the providers of
// this one.
//
// A tenant's id is an attribute of spans and log lines. It is never a label of a metric, and neither is anything else
// that a client can choose.
//
// It imports tenancy and what is below it. Only cmd imports it.
package telemetry
