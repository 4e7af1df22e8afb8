package main

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/require"
)

func TestTuneMemory(t *testing.T) {
	unknown := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	for name, tc := range map[string]struct {
		environment map[string]string
		provider    memlimit.Provider
		percent     int
		limit       int64
		log         string
	}{
		"container limit": {nil, memlimit.Limit(1 << 30), 400, 858993459, "gogc=400 gomemlimit=858993459B"},
		"no limit":        {nil, unknown(memlimit.ErrNoLimit), 400, 1<<63 - 1, "gogc=400 gomemlimit=off"},
		"no container":    {nil, unknown(memlimit.ErrNoCgroup), 400, 1<<63 - 1, "gogc=400 gomemlimit=off"},
		"not Linux": {
			nil, unknown(memlimit.ErrCgroupsNotSupported), 400, 1<<63 - 1, "gogc=400 gomemlimit=off",
		},
		"unreadable limit": {nil, unknown(errors.New("broken")), 400, 1<<63 - 1, "level=WARN"},
		"operator values": {
			map[string]string{"GOGC": "150", "GOMEMLIMIT": "1GiB"},
			memlimit.Limit(1 << 20),
			100, 1<<63 - 1, "gogc=100", // the runtime read them
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			for variable, value := range tc.environment {
				t.Setenv(variable, value)
			}
			percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(1<<63-1)
			defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()
			var lines bytes.Buffer
			tuneMemory(t.Context(), slog.New(slog.NewTextHandler(&lines, nil)), tc.provider)
			require.Equal(t, tc.percent, debug.SetGCPercent(100))
			require.Equal(t, tc.limit, debug.SetMemoryLimit(-1))
			require.Contains(t, lines.String(), tc.log)
			if tc.log != "level=WARN" {
				require.NotContains(t, lines.String(), "level=WARN")
			}
		})
	}
}
