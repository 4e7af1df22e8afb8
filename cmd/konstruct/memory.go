package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// gcPercent is GOGC where the operator sets none. A server's live heap is a few megabytes, so Go's own 100 collects the
// garbage of some 90 lists at a time, which took a sixth of the CPU time of a request.
const gcPercent = 400

// goShare is the part of a container's memory that is Go's. The rest is for the program's own pages, and for what is
// allocated until the collector has caught up.
const goShare = 0.8

// tuneMemory sets what the environment leaves unset of Go's garbage collector: GOGC to gcPercent, and GOMEMLIMIT to goShare
// of the limit that the provider returns in bytes. It has to run before password hashing is bounded by GOMEMLIMIT.
func tuneMemory(ctx context.Context, log *slog.Logger, provider memlimit.Provider) {
	percent := gcPercent
	if own := debug.SetGCPercent(gcPercent); os.Getenv("GOGC") != "" {
		percent = own
		debug.SetGCPercent(own)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		limitMemory(ctx, log, provider)
	}
	log.InfoContext(ctx, "garbage collection", "gogc", percent, "gomemlimit", memoryLimit())
}

func limitMemory(ctx context.Context, log *slog.Logger, provider memlimit.Provider) {
	limit, err := memlimit.ApplyRatio(provider, goShare)()
	switch {
	case err == nil:
		debug.SetMemoryLimit(int64(min(limit, math.MaxInt64)))
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
	default:
		log.WarnContext(ctx, "the container's memory limit could not be read", "error", err)
	}
}

// memoryLimit returns Go's memory limit as GOMEMLIMIT spells it.
func memoryLimit() string {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return "off"
	}
	return strconv.FormatInt(limit, 10) + "B"
}
