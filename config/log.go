package config

import "log/slog"

// LogFormat is how log lines look.
type LogFormat string

// The formats of log lines.
const (
	LogText LogFormat = "text" // for people
	LogJSON LogFormat = "json" // for machines
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

// Log is what is logged, and how.
type Log struct {
	Level  slog.Level `env:"KONSTRUCT_LOG_LEVEL"  envDefault:"info"`
	Format LogFormat  `env:"KONSTRUCT_LOG_FORMAT" envDefault:"text"`
}
