package config

// Telemetry configures metrics and profiles, on a separate listener, and traces.
type Telemetry struct {
	MetricsAddr        string `env:"KONSTRUCT_METRICS_ADDR"             envDefault:"127.0.0.1:9464"` // host:port or off
	OTLPEndpoint       URL    `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`                                    // base URL
	OTLPTracesEndpoint URL    `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`                             // whole URL
}

const metricsVariable = "KONSTRUCT_METRICS_ADDR"

// ListenAddr returns where metrics are served, or "" if they are off.
func (t Telemetry) ListenAddr() string {
	if t.MetricsAddr == "off" {
		return ""
	}
	return t.MetricsAddr
}

// IsLoopback reports whether metrics are off, or served to this machine only.
func (t Telemetry) IsLoopback() bool {
	return t.ListenAddr() == "" || isLoopbackListener(t.ListenAddr())
}

// TracesURL returns where spans are sent, credentials included: to OTLPTracesEndpoint, or to v1/traces below
// OTLPEndpoint. "" disables traces.
func (t Telemetry) TracesURL() string {
	if t.OTLPTracesEndpoint.IsSet() || !t.OTLPEndpoint.IsSet() {
		return t.OTLPTracesEndpoint.Reveal()
	}
	return t.OTLPEndpoint.parsed().JoinPath("v1", "traces").String()
}

// checked also turns metrics off for an empty variable, where the library uses the default.
func (t Telemetry) checked(faults *Faults, env Env) Telemetry {
	if value, set := env[metricsVariable]; set && value == "" {
		t.MetricsAddr = "off"
	}
	faults.require(metricsVariable, t.ListenAddr() == "" || isListenAddr(t.MetricsAddr),
		"must be host:port, such as 127.0.0.1:9464, with an address or localhost as host, or off")
	faults.checkURL("OTEL_EXPORTER_OTLP_ENDPOINT", t.OTLPEndpoint, "http", "https")
	faults.checkURL("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", t.OTLPTracesEndpoint, "http", "https")

	return t
}
