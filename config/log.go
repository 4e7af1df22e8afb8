package config

import "log/slog"

// LogFormat is the format of log lines.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *LogFormat) UnmarshalText(text []byte) error {
	format := LogFormat(text)
	if format != LogText && format != LogJSON {
		return problem("must be json or text")
	}
	*f = format

	return nil
}

// Log is the configuration of the log.
type Log struct {
	Level  slog.Level `env:"KONSTRUCT_LOG_LEVEL"  envDefault:"info"`
	Format LogFormat  `env:"KONSTRUCT_LOG_FORMAT" envDefault:"text"`
}
