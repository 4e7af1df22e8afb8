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

// gcPercent is the default GOGC. The live heap is small: with Go's default of 100, garbage collection took a sixth of a
// request's CPU time.
const gcPercent = 400

// goMemoryRatio of a container's memory limit is GOMEMLIMIT. The rest is for the binary and allocations during
// collection.
const goMemoryRatio = 0.8

// tuneMemory sets GOGC to gcPercent and GOMEMLIMIT to goMemoryRatio of the provider's limit in bytes, unless the
// environment sets them. It must run before openSystem, which bounds password hashing by GOMEMLIMIT.
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
	limit, err := memlimit.ApplyRatio(provider, goMemoryRatio)()
	switch {
	case err == nil:
		debug.SetMemoryLimit(int64(min(limit, math.MaxInt64)))
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup),
		errors.Is(err, memlimit.ErrCgroupsNotSupported):
	default:
		log.WarnContext(ctx, "could not read the memory limit of the container", "error", err)
	}
}

// memoryLimit formats the current limit like GOMEMLIMIT.
func memoryLimit() string {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return "off"
	}
	return strconv.FormatInt(limit, 10) + "B"
}
