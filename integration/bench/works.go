package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// networkDelay is added to each round trip on what the tables call the network.
const networkDelay = time.Millisecond

// countedTurns is over how many turns round trips are counted.
const countedTurns = 8

// workResult is one kind of work, by way.
type workResult struct {
	name              string
	trips             [wayCount]float64
	loopback, network []rounds
}

// measureWorks measures all kinds of work: on loopback, through a proxy that only counts, and through one that delays.
func measureWorks(ctx context.Context, o options, db database, s subjects, say func(string)) ([]workResult, error) {
	direct, err := openWays(ctx, db)
	defer closeWays(direct)
	if err != nil {
		return nil, err
	}
	counting, counted, err := openBehindProxy(ctx, db, 0)
	defer counting.stop()
	if err != nil {
		return nil, err
	}
	delaying, delayed, err := openBehindProxy(ctx, db, networkDelay)
	defer delaying.stop()
	if err != nil {
		return nil, err
	}
	var results []workResult
	for _, w := range works() {
		say(w.name)
		r := workResult{name: w.name}
		if r.trips, err = countTrips(ctx, w, counting.proxy, counted, s); err != nil {
			return nil, err
		}
		if r.loopback, err = compare(ctx, o.loopback, w.by(direct, s)); err != nil {
			return nil, err
		}
		if r.network, err = compare(ctx, o.network, w.by(delayed, s)); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// by is the work done each way.
func (w work) by(ways [wayCount]way, s subjects) []contestant {
	contestants := make([]contestant, len(ways))
	for i, way := range ways {
		contestants[i] = contestant{name: w.name + ", " + wayNames()[i], do: func(ctx context.Context, turn int) error {
			return w.do(ctx, way, s, turn)
		}}
	}
	return contestants
}

// countTrips counts on warm connections: what a statement's first use costs is paid before.
func countTrips(ctx context.Context, w work, p *proxy, ways [wayCount]way, s subjects) (trips [wayCount]float64, err error) {
	for i, c := range w.by(ways, s) {
		for turn := range 2 * countedTurns {
			if turn == countedTurns {
				trips[i] = -float64(p.trips.Load())
			}
			if err := c.do(ctx, turn); err != nil {
				return trips, fmt.Errorf("%s: %w", c.name, err)
			}
		}
		trips[i] = (trips[i] + float64(p.trips.Load())) / countedTurns
	}
	return trips, nil
}

// detour is a proxy and the ways that go through it.
type detour struct {
	proxy *proxy
	ways  [wayCount]way
}

func (d detour) stop() {
	closeWays(d.ways)
	if d.proxy != nil {
		_ = d.proxy.close()
	}
}

// openBehindProxy connects all ways through a proxy of their own. Stop the detour also after an error.
func openBehindProxy(ctx context.Context, db database, delay time.Duration) (d detour, ways [wayCount]way, err error) {
	server, err := url.Parse(db.superURL)
	if err != nil {
		return d, ways, errors.New("the server's URL can't be read, so no proxy can stand before it")
	}
	if d.proxy, err = startProxy(ctx, server.Host, delay); err != nil {
		return d, ways, err
	}
	d.ways, err = openWays(ctx, database{
		appURL: through(db.appURL, d.proxy), superURL: through(db.superURL, d.proxy),
	})
	return d, d.ways, err
}

// through puts the proxy's address in the place of the server's.
func through(dsn string, p *proxy) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	u.Host = p.address()
	return u.String()
}
