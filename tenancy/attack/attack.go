package attack

import "context"

// Attack is an attack as reports and documentation list it.
type Attack struct {
	// ID is stable: A for SQL, E for Ent, D for the driver, R for Redis, L for live reads, and a few words.
	ID     string `json:"id"`
	Family string `json:"family"`
	// Does describes the attempt in a sentence.
	Does string `json:"does"`
	// Required is what another tenant must get.
	Required string `json:"required"`
	// Accepted names the accepted risk that the attack pins. Attacks without one must be stopped.
	Accepted string `json:"accepted,omitempty"`
}

type family struct {
	name, title string
	statements  []statement
	scenarios   []scenario
}

// statement is an attack of one SQL statement. Another tenant, no tenant and the owner send it, by a raw login and
// through the driver, in a transaction that is rolled back. For names in braces, see spell.
type statement struct {
	id, does string
	// once is set if no particular table is concerned.
	once   bool
	before []string // statements that come first, in the same transaction
	sql    string

	// Defaults: nothing for another tenant and without one, something for the owner.
	other, unset, owner expectation
	accepted            string
	// raw is set if the driver would refuse the statement.
	raw bool
	// privileged is set if a superuser must prepare it.
	privileged bool
}

// hidden is a statement that must succeed only for the owner.
func hidden(id, does, sql string) statement { return statement{id: id, does: does, sql: sql} }

// ownOnly is a statement that reaches each tenant's own rows.
func ownOnly(id, does, sql string) statement {
	return statement{id: id, does: does, sql: sql, other: own(), owner: own()}
}

// scenario is an attack of several steps. It returns what went wrong.
type scenario struct {
	id, does, required string
	accepted           string
	privileged         bool
	// Exactly one is set. each is tried on every table.
	once func(h *harness, ctx context.Context) error
	each func(h *harness, ctx context.Context, tb *table) error
}

func families() []family {
	all := []family{
		reads(), writes(), keys(), rights(), sideChannels(), contexts(), leftovers(), injections(),
		sessions(), connections(), leaks(), driverStates(),
	}
	for _, f := range all {
		for i, s := range f.statements {
			f.statements[i] = s.withDefaults()
		}
	}
	return all
}

func (s statement) withDefaults() statement {
	for want, strictest := range map[*expectation]expectation{
		&s.other: nothing(), &s.unset: nothing(), &s.owner: something(),
	} {
		if want.met == nil {
			*want = strictest
		}
	}
	return s
}

// All lists the kit's attacks, without a [Target]'s paths and pins.
func All() []Attack {
	var all []Attack
	for _, f := range families() {
		for _, s := range f.statements {
			all = append(all, s.attack(f))
		}
		for _, s := range f.scenarios {
			all = append(all, s.attack(f))
		}
	}
	all = append(all, entityAttacks()...)
	all = append(all, redisAttacks()...)
	return append(all, liveAttacks()...)
}

func (s statement) attack(f family) Attack {
	return described(Attack{ID: s.id, Family: f.name, Does: s.does, Required: s.other.says, Accepted: s.accepted})
}

func (s scenario) attack(f family) Attack {
	return described(Attack{ID: s.id, Family: f.name, Does: s.does, Required: s.required, Accepted: s.accepted})
}

// described words the requirement of an accepted risk as a limit.
func described(a Attack) Attack {
	if a.Accepted != "" {
		a.Required = "no more than the accepted effect: " + a.Required
	}
	return a
}
