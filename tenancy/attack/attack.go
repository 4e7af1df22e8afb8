package attack

import "context"

// Attack is one attack, as the report and the documentation list it.
type Attack struct {
	// ID is stable: A for SQL, E for Ent, D for the driver, R for Redis, L for live reads, and a few words.
	ID     string `json:"id"`
	Family string `json:"family"`
	// Does says in a sentence what is tried.
	Does string `json:"does"`
	// Required is the result that another tenant must get.
	Required string `json:"required"`
	// Accepted names the accepted risk that the attack pins. Where it is empty, the attack must be stopped.
	Accepted string `json:"accepted,omitempty"`
}

// family is a group of attacks that has tenants of its own and runs beside the others.
type family struct {
	name, title string
	statements  []statement
	scenarios   []scenario
}

// statement is an attack that is one SQL statement. It is sent by another tenant, without a tenant, and by the owner, in a
// transaction that is rolled back; by a raw login and through the driver. Names in braces are filled in: see spell.
type statement struct {
	id, does string
	// once is true where the statement is about no particular table.
	once   bool
	before []string // statements that come first, in the same transaction
	sql    string

	other, unset, owner expectation
	accepted            string
	// raw is true where the driver's own rules get in the way of the attack.
	raw bool
	// privileged is true where a superuser has to arrange it.
	privileged bool
}

// scenario is an attack of several steps. It returns what went wrong.
type scenario struct {
	id, does, required string
	accepted           string
	privileged         bool
	// Either of the two: each is tried on every table.
	once func(s *harness, ctx context.Context) error
	each func(s *harness, ctx context.Context, tb *table) error
}

func families() []family {
	return []family{
		reads(), writes(), keys(), rights(), sideChannels(), contexts(), leftovers(), injections(),
		sessions(), connections(), leaks(), driverStates(),
	}
}

// All lists the kit's attacks. The paths and pins of a [Target] are not included.
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

// described words the requirement of an accepted risk as the limit that it is.
func described(a Attack) Attack {
	if a.Accepted != "" {
		a.Required = "no more than the accepted effect: " + a.Required
	}
	return a
}
