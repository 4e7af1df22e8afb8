package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// plan is how often things are done.
type plan struct {
	rounds, turns, warmUp int
}

// contestant is one side of a comparison.
type contestant struct {
	name string
	do   func(ctx context.Context, turn int) error
}

// compare measures the contestants in turns: each of them once, in an order that is drawn anew for each turn, since who
// follows a heavy one finds colder caches. It returns each one's rounds, in the contestants' order.
func compare(ctx context.Context, p plan, contestants []contestant) ([]rounds, error) {
	for turn := range p.warmUp {
		if _, err := takeTurn(ctx, contestants, turn); err != nil {
			return nil, err
		}
	}
	measured := make([]rounds, len(contestants))
	for round := range p.rounds {
		runtime.GC() // no round pays for another's garbage
		for i := range measured {
			measured[i] = append(measured[i], make(samples, 0, p.turns))
		}
		for turn := range p.turns {
			took, err := takeTurn(ctx, contestants, round*p.turns+turn)
			if err != nil {
				return nil, err
			}
			for i, d := range took {
				measured[i][round] = append(measured[i][round], d)
			}
		}
	}
	return measured, nil
}

// takeTurn lets each contestant work once and returns how long each took.
func takeTurn(ctx context.Context, contestants []contestant, turn int) ([]time.Duration, error) {
	took := make([]time.Duration, len(contestants))
	for _, i := range rand.Perm(len(contestants)) { //nolint:gosec // nobody gains from guessing who is next
		start := time.Now()
		err := contestants[i].do(ctx, turn)
		took[i] = time.Since(start)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", contestants[i].name, err)
		}
	}
	return took, nil
}
