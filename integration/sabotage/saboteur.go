package main

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// saboteur removes exactly one protection, either of the source or of a database.
type saboteur struct {
	id, removes string
	layer       layer // set by saboteurs
	// held says what still protects rows, if anything does.
	held string

	// given removes other layers first. The tests in caught must pass with given alone.
	given []edit
	// edits change the source: one protection, maybe in several places.
	edits []edit
	// hangs shortens the timeout of tests that the sabotage makes hang.
	hangs bool
	// caught must fail, holds must pass.
	caught, holds []testName

	// givenSQL removes other layers first. With givenSQL alone, no attack may succeed.
	givenSQL string
	// plant is SQL, run as the superuser. {db} is the database's name.
	plant string
	// roles is set if the SQL changes the whole server.
	roles bool
	// doctor lists the codes that the doctor must report.
	doctor []string
	// attacks must succeed. If empty, none may.
	attacks []string
}

func (s saboteur) tests() []testName { return slices.Concat(s.caught, s.holds) }

// layer is where a protection is.
type layer string

const (
	layerContext  layer = "The tenant's context"
	layerDriver   layer = "The driver"
	layerMixin    layer = "The mixin"
	layerRedis    layer = "Redis keys"
	layerChannel  layer = "Channels and the resolver"
	layerServer   layer = "The server"
	layerMigrate  layer = "Migrations"
	layerDoctor   layer = "The doctor"
	layerDatabase layer = "PostgreSQL: tables, policies, grants"
	layerRoles    layer = "PostgreSQL: roles"
)

func layers() []layer {
	return []layer{
		layerDatabase, layerRoles, layerDriver, layerMixin, layerContext, layerRedis, layerChannel, layerServer,
		layerMigrate, layerDoctor,
	}
}

func byLayer[T any](items []T, layerOf func(T) layer) iter.Seq2[layer, []T] {
	return func(yield func(layer, []T) bool) {
		for _, l := range layers() {
			of := slices.DeleteFunc(slices.Clone(items), func(item T) bool { return layerOf(item) != l })
			if len(of) > 0 && !yield(l, of) {
				return
			}
		}
	}
}

// testName is a test as "package Test/sub test", the package relative to the module.
type testName string

func (t testName) pkg() string {
	pkg, _, _ := strings.Cut(string(t), " ")
	return pkg
}

func (t testName) test() string {
	_, test, _ := strings.Cut(string(t), " ")
	return strings.ReplaceAll(test, " ", "_")
}

func in(pkg string, tests ...string) []testName {
	out := make([]testName, len(tests))
	for i, test := range tests {
		out[i] = testName(pkg + " " + test)
	}
	return out
}

func (l layer) of(tables ...[]saboteur) []saboteur {
	all := slices.Concat(tables...)
	for i := range all {
		all[i].layer = l
	}
	return all
}

func saboteurs() []saboteur {
	return slices.Concat(
		layerDatabase.of(policySaboteurs(), tableSaboteurs(), grantSaboteurs(), functionSaboteurs(),
			peopleSaboteurs()),
		layerRoles.of(roleSaboteurs()),
		layerDriver.of(statementSaboteurs(), sessionSaboteurs(), tagSaboteurs(), transactionSaboteurs(),
			resultSaboteurs(), outcomeSaboteurs(), poolSaboteurs(), leakSaboteurs()),
		layerMixin.of(mixinSaboteurs()),
		layerContext.of(contextSaboteurs()),
		layerRedis.of(redisSaboteurs()),
		layerChannel.of(channelSaboteurs()),
		layerServer.of(serverSaboteurs()),
		layerMigrate.of(plannerSaboteurs(), runnerSaboteurs()),
		layerDoctor.of(doctorSaboteurs()),
	)
}

func (s saboteur) fault() error {
	switch {
	case s.id == "" || s.layer == "" || s.removes == "":
		return fmt.Errorf("saboteur %q: it needs an id, a layer, and what it removes", s.id)
	case (len(s.edits) == 0) == (s.plant == ""):
		return fmt.Errorf("saboteur %s: it changes either code or a database", s.id)
	case slices.ContainsFunc(s.edits, func(e edit) bool { return e.find == e.replace }):
		return fmt.Errorf("saboteur %s: an edit changes nothing", s.id)
	case len(s.edits) > 0 && len(s.caught) == 0:
		return fmt.Errorf("saboteur %s: it needs a test that has to notice", s.id)
	case s.plant != "" && len(s.doctor)+len(s.attacks) == 0:
		return fmt.Errorf("saboteur %s: it needs a finding or an attack that has to notice", s.id)
	case s.plant != "" && (len(s.attacks) == 0) != (s.held != ""):
		return fmt.Errorf("saboteur %s: either attacks get through, or it says what holds", s.id)
	}
	return nil
}
