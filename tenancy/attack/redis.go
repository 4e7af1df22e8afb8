package attack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

const (
	redisFamily = "redis"
	redisTitle  = "Keys in Redis"
)

// hostileParts are parts of keys that an outsider may choose.
func hostileParts(other tenancy.ID) []string {
	return []string{
		"plain", ":", "*", "?", "[a-z]*", "{" + other.String() + "}", other.String() + ":session:plain",
		"../" + other.String(),
		"a:b", "a\r\nDEL *", "a\x00b", strings.Repeat("x", 4096), "~", "ünïcode", " ", "\n", "%2e", `"`, "1", "-",
	}
}

type redisScenario struct {
	scenario

	try func(ctx context.Context, r *Redis, a, b tenancy.ID) error
}

func redisScenarios() []redisScenario {
	return []redisScenario{
		{scenario{
			id: "R01-prefix", does: "builds every kind of key from hostile parts",
			required: "every key begins with its tenant",
		}, everyKey},
		{
			scenario{id: "R02-no-tenant", does: "builds keys without a tenant", required: "an error, and no key"},
			noTenant,
		},
		{scenario{
			id: "R03-collision", does: "searches for two tenants or two parts with the same key",
			required: "all keys differ",
		}, collisions},
		{scenario{
			id: "R04-special", does: "puts wildcards, hash tags and line ends into keys",
			required: "no key contains them",
		}, specials},
	}
}

func redisAttacks() []Attack {
	var all []Attack
	for _, s := range redisScenarios() {
		all = append(all, s.attack(family{name: redisFamily}))
	}
	return all
}

func (k *kit) redis(t test) {
	t.Parallel()
	for _, s := range redisScenarios() {
		a := s.attack(family{name: redisFamily})
		if k.target.Redis == nil {
			k.report.add(redisTitle, a, Result{Outcome: NotMade, Detail: "needs Target.Redis"})
			continue
		}
		t.sub(a.ID, func(t test) {
			k.record(t, redisTitle, a, "", func(ctx context.Context) error {
				first, err := k.target.Tenant(ctx)
				if err != nil {
					return err
				}
				second, err := k.target.Tenant(ctx)
				if err != nil {
					return err
				}
				return s.try(ctx, k.target.Redis, first, second)
			})
		})
	}
}

// build makes a tenant's keys of every kind and part.
func (r *Redis) build(id tenancy.ID, parts []string, each func(kind, part string, key rediskey.Key) error) error {
	for _, kind := range slices.Sorted(maps.Keys(r.Keys)) {
		for _, part := range parts {
			key, err := r.Keys[kind](id, part)
			if err == nil {
				err = each(kind, part, key)
			}
			if err != nil {
				return fmt.Errorf("%s(%q): %w", kind, part, err)
			}
		}
	}
	return nil
}

func everyKey(ctx context.Context, r *Redis, a, b tenancy.ID) error {
	sent := 0
	for id, other := range map[tenancy.ID]tenancy.ID{a: b, b: a} {
		err := r.build(id, hostileParts(other), func(_, _ string, key rediskey.Key) error {
			sent++
			if !strings.HasPrefix(key.String(), id.String()+":") {
				return fmt.Errorf("the key %q does not begin with its tenant", key)
			}
			return r.Use(ctx, key)
		})
		if err != nil {
			return err
		}
	}
	seen := r.Seen()
	ours := 0
	for _, key := range seen {
		prefix, _, ok := strings.Cut(key, ":")
		if _, err := tenancy.Parse(prefix); err != nil || !ok {
			return fmt.Errorf("the server received %q, which does not begin with a tenant", key)
		}
		if prefix == a.String() || prefix == b.String() {
			ours++
		}
	}
	if ours < sent {
		return fmt.Errorf("the server recorded %d of %d keys", ours, sent)
	}
	return nil
}

func noTenant(_ context.Context, r *Redis, a, _ tenancy.ID) error {
	for kind, build := range r.Keys {
		if key, err := build(tenancy.ID{}, "part"); err == nil || !key.IsZero() {
			return fmt.Errorf("%s: a key without a tenant: %q", kind, key)
		}
		if key, err := build(a, ""); err == nil || !key.IsZero() {
			return fmt.Errorf("%s: a key without its part: %q", kind, key)
		}
		if _, err := build(a, "part"); err != nil {
			return fmt.Errorf("%s: a valid key: %w", kind, err)
		}
	}
	return nil
}

func collisions(_ context.Context, r *Redis, a, b tenancy.ID) error {
	taken := map[string]string{}
	for _, id := range []tenancy.ID{a, b} {
		err := r.build(id, append(hostileParts(a), hostileParts(b)[5:8]...),
			func(kind, part string, key rediskey.Key) error {
				from := id.String() + " " + kind + " " + part
				if other, ok := taken[key.String()]; ok && other != from {
					return fmt.Errorf("the same key as for %q", other)
				}
				taken[key.String()] = from
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func specials(_ context.Context, r *Redis, a, b tenancy.ID) error {
	return r.build(a, hostileParts(b), func(_, _ string, key rediskey.Key) error {
		if strings.ContainsAny(key.String(), "*?[]{}\r\n\x00 \"'") || strings.Count(key.String(), ":") != 2 {
			return fmt.Errorf("the key %q", key)
		}
		return nil
	})
}
