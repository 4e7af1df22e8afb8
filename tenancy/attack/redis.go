package attack

import (
	"fmt"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rediskey"
)

const redisFamily = "redis"

func redis() family {
	return family{name: redisFamily, title: "Keys in Redis", scenarios: []scenario{
		once("R01-prefix", "builds every kind of key from hostile parts", "every key begins with its tenant", everyKey),
		once("R02-no-tenant", "builds keys without a tenant", "an error, and no key", noTenant),
		once("R03-collision", "searches for two tenants or two parts with the same key", "all keys differ", collisions),
		once("R04-special", "puts wildcards, hash tags and line ends into keys", "no key contains them", specials),
	}}
}

// hostileParts are parts of keys that an outsider may choose.
func hostileParts(other tenancy.ID) []string {
	return []string{
		"plain", ":", "*", "?", "[a-z]*", "{" + other.String() + "}", other.String() + ":session:plain",
		"../" + other.String(),
		"a:b", "a\r\nDEL *", "a\x00b", strings.Repeat("x", 4096), "~", "ünïcode", " ", "\n", "%2e", `"`, "1", "-",
	}
}

// keys calls do with a tenant's keys of every kind and part.
func (a *attempt) keys(id tenancy.ID, parts []string, do func(from string, key rediskey.Key)) {
	for kind, build := range a.kit.target.Redis.Keys {
		for _, part := range parts {
			from := fmt.Sprintf("%s %s(%q)", id, kind, part)
			a.step = from + ": "
			key, err := build(id, part)
			a.must(err)
			do(from, key)
		}
	}
}

func everyKey(a *attempt) {
	r, sent := a.kit.target.Redis, 0
	before := len(r.Seen())
	mine, theirs := a.attacker.id, a.victim.id
	for id, other := range map[tenancy.ID]tenancy.ID{mine: theirs, theirs: mine} {
		a.keys(id, hostileParts(other), func(_ string, key rediskey.Key) {
			sent++
			if !strings.HasPrefix(key.String(), id.String()+":") {
				a.failf("the key %q does not begin with its tenant", key)
			}
			a.must(r.Use(a.ctx, key))
		})
	}
	a.step = ""
	ours := 0
	for i, key := range r.Seen() {
		prefix, _, ok := strings.Cut(key, ":")
		if _, err := tenancy.Parse(prefix); err != nil || !ok {
			a.failf("the server received %q, which does not begin with a tenant", key)
		}
		if i >= before && (prefix == mine.String() || prefix == theirs.String()) {
			ours++
		}
	}
	if ours < sent {
		a.failf("the server recorded %d of %d keys", ours, sent)
	}
}

func noTenant(a *attempt) {
	for kind, build := range a.kit.target.Redis.Keys {
		a.stepf("%s", kind)
		if key, err := build(tenancy.ID{}, "part"); err == nil || !key.IsZero() {
			a.failf("a key without a tenant: %q", key)
		}
		if key, err := build(a.attacker.id, ""); err == nil || !key.IsZero() {
			a.failf("a key without its part: %q", key)
		}
		_, err := build(a.attacker.id, "part")
		a.must(err)
	}
}

func collisions(a *attempt) {
	mine, theirs := a.attacker.id, a.victim.id
	taken := map[string]string{}
	for _, id := range []tenancy.ID{mine, theirs} {
		a.keys(id, append(hostileParts(mine), hostileParts(theirs)[5:8]...), func(from string, key rediskey.Key) {
			if other, ok := taken[key.String()]; ok && other != from {
				a.failf("the same key as for %s", other)
			}
			taken[key.String()] = from
		})
	}
}

func specials(a *attempt) {
	a.keys(a.attacker.id, hostileParts(a.victim.id), func(_ string, key rediskey.Key) {
		if strings.ContainsAny(key.String(), "*?[]{}\r\n\x00 \"'") || strings.Count(key.String(), ":") != 2 {
			a.failf("the key %q", key)
		}
	})
}
