package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestMetricsAreOnLoopbackByDefault(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]string{
		"127.0.0.1:9999": "127.0.0.1:9999", "[::1]:9464": "[::1]:9464", "off": "", "": "",
	} {
		c, err := config.LoadServe(with(working(), config.Env{"KONSTRUCT_METRICS_ADDR": value}))
		require.NoError(t, err)
		require.Equal(t, want, c.Telemetry.ListenAddr(), "%q", value)
	}
	c, err := config.LoadServe(working())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9464", c.Telemetry.ListenAddr())
	_, err = config.LoadServe(with(working(), config.Env{"KONSTRUCT_METRICS_ADDR": "9464"}))
	require.Equal(t, "KONSTRUCT_METRICS_ADDR", variables(err))
}

func TestTracesGoWhereOpenTelemetrysVariablesSay(t *testing.T) {
	t.Parallel()

	const base, whole = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for want, env := range map[string]config.Env{
		"":                                {},
		"http://127.0.0.1:4318/v1/traces": {base: "http://127.0.0.1:4318"},
		"https://collector/x/v1/traces":   {base: "https://collector/x/"},
		"https://collector/spans":         {base: "http://127.0.0.1:4318", whole: "https://collector/spans"},
	} {
		c, err := config.LoadServe(with(working(), env))
		require.NoError(t, err)
		require.Equal(t, want, c.Telemetry.TracesURL())
	}
	_, err := config.LoadServe(with(working(), config.Env{base: "127.0.0.1:4318", whole: "grpc://collector:4317"}))
	require.Equal(t, base+" "+whole, variables(err))
}
