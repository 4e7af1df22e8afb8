package attack

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

// family is a group of attacks that run in sequence, with two tenants.
type family struct {
	name, title string
	scenarios   []scenario
}

type scenario struct {
	Attack

	try func(*attempt)
	// once is set if no particular table is concerned. Others are attempted on every table.
	once bool
	// privileged is set if a superuser must prepare it.
	privileged bool
}

func each(id, does, required string, try func(*attempt)) scenario {
	return scenario{Attack: Attack{ID: id, Does: does, Required: required}, try: try}
}

func once(id, does, required string, try func(*attempt)) scenario {
	s := each(id, does, required, try)
	s.once = true
	return s
}

func (s scenario) accepting(risk string) scenario {
	s.Accepted = risk
	return s
}

// statement is an attack of one SQL statement. Another tenant, no tenant and the owner send it, by a raw login and
// through the driver, in a transaction that is rolled back. For names in braces, see spell.
type statement struct {
	id, does string
	once     bool
	before   []string // statements that come first, in the same transaction
	sql      string

	// Defaults: nothing for another tenant and without one, something for the owner.
	other, unset, owner expectation
	accepted            string
	// raw is set if the driver would refuse the statement.
	raw        bool
	privileged bool
}

func hidden(id, does, sql string) statement { return statement{id: id, does: does, sql: sql} }

func ownOnly(id, does, sql string) statement {
	return statement{id: id, does: does, sql: sql, other: own(), owner: own()}
}

func refusedToOthers(id, does, sql string) statement {
	return statement{id: id, does: does, sql: sql, other: refused(denied), unset: refused(denied)}
}

func sent(statements []statement) []scenario {
	all := make([]scenario, len(statements))
	for i, st := range statements {
		st.other, st.unset, st.owner = st.other.or(nothing()), st.unset.or(nothing()), st.owner.or(something())
		all[i] = scenario{
			Attack: Attack{ID: st.id, Does: st.does, Required: st.other.says, Accepted: st.accepted},
			try:    st.try, once: st.once, privileged: st.privileged,
		}
	}
	return all
}

// families are all but that of [Live], in the report's order.
func families(target Target) []family {
	all := []family{
		reads(), writes(), keys(), rights(), sideChannels(), contexts(), leftovers(), injections(),
		sessions(), connections(), leaks(), driverStates(), entities(target), pins(target), redis(),
	}
	for _, f := range all {
		for i := range f.scenarios {
			a := &f.scenarios[i].Attack
			a.Family = f.name
			if a.Accepted != "" { // a requirement must not read as a success
				a.Required = "no more than the accepted effect: " + a.Required
			}
		}
	}
	return all
}

// All lists the kit's attacks, with a target's paths and pins.
func All(target Target) []Attack {
	var all []Attack
	for _, f := range families(target) {
		for _, s := range f.scenarios {
			all = append(all, s.Attack)
		}
	}
	return append(all, liveAttacks()...)
}
