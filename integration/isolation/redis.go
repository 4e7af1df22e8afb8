package isolation

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/rueidis"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

// recorder is a Redis that records the keys it receives.
type recorder struct {
	client rueidis.Client

	mu   sync.Mutex
	keys []string
}

// keyed are the product's commands, whose first argument is the key. Another command is recorded by its name, which has
// no tenant.
func keyed() []string { return []string{"GET", "SET", "INCR", "EXPIRE", "HSET", "HGETALL", "DEL"} }

// unkeyed are the client's own, for its handshake.
func unkeyed() []string { return []string{"HELLO", "CLIENT", "PING", "COMMAND", "INFO", "CLUSTER"} }

func newRedis() (*attack.Redis, func(), error) {
	fake, err := miniredis.Run()
	if err != nil {
		return nil, nil, err
	}
	r := &recorder{}
	fake.Server().SetPreHook(r.record)
	r.client, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{fake.Addr()}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		fake.Close()
		return nil, nil, err
	}
	return &attack.Redis{Keys: redisKeys(), Use: r.use, Seen: r.seen}, func() {
		r.client.Close()
		fake.Close()
	}, nil
}

// redisKeys are all functions of rediskey.
func redisKeys() map[string]func(tenancy.ID, string) (rediskey.Key, error) {
	return map[string]func(tenancy.ID, string) (rediskey.Key, error){
		"RateLimit": rediskey.RateLimit,
		"Dedup":     rediskey.Dedup,
		"Session":   rediskey.Session,
		"Engaged":   rediskey.Engaged,
	}
}

func (r *recorder) record(_ *server.Peer, command string, args ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case slices.Contains(unkeyed(), command):
	case slices.Contains(keyed(), command) && len(args) > 0:
		r.keys = append(r.keys, args[0])
	default:
		r.keys = append(r.keys, command)
	}
	return false
}

func (r *recorder) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys)
}

// use sends the product's kinds of keys: one that expires, a counter, a hash.
func (r *recorder) use(ctx context.Context, key rediskey.Key) error {
	b := r.client.B
	name := key.String()
	commands := rueidis.Commands{
		b().Set().Key(name).Value("1").Nx().Ex(time.Minute).Build(),
		b().Incr().Key(name).Build(),
		b().Expire().Key(name).Seconds(60).Build(),
		b().Get().Key(name).Build(),
		b().Del().Key(name).Build(),
	}
	for _, result := range r.client.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
	}
	return nil
}
