package main

import (
	"fmt"
	"strings"
)

// saboteur takes exactly one protection away.
type saboteur struct {
	// id begins with the layer's word.
	id    string
	layer layer
	// removes says what is gone.
	removes string
	// held says what becomes of tenants' rows meanwhile: usually, which other layer holds. Empty: nothing does.
	held string

	// One of the two.
	code *code
	data *data
}

// layer is where a protection stands.
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

// layers are in the order of the report: what a reader meets first comes first.
func layers() []layer {
	return []layer{
		layerDatabase, layerRoles, layerDriver, layerMixin, layerContext, layerRedis, layerChannel, layerServer,
		layerMigrate, layerDoctor,
	}
}

// code is a change of source.
type code struct {
	// given takes other layers away first. The tests in caught have to pass then, without the change.
	given []edit
	// edits are the sabotage: one protection, though it may stand in several places.
	edits []edit
	// hangs is true where the sabotage makes tests wait for ever, which is a way to fail: they get less time.
	hangs bool
	// caught are the tests that have to fail, holds those that have to pass all the same.
	caught, holds []testName
}

// data is a change of a database.
type data struct {
	// given is SQL that takes other layers away first. No attack may get through then, without plant.
	given string
	// plant is SQL for a superuser. {db} is the database's name.
	plant string
	// roles is true where it changes what belongs to the whole server.
	roles bool
	// doctor are the codes that have to be among the doctor's findings.
	doctor []string
	// attacks are attacks that have to get through. None: none may.
	attacks []string
}

// testName is a test as "package Test/sub test", the package relative to the module.
type testName string

func (t testName) pkg() string {
	pkg, _, _ := strings.Cut(string(t), " ")
	return pkg
}

// test is the name as `go test` prints it.
func (t testName) test() string {
	_, test, _ := strings.Cut(string(t), " ")
	return strings.ReplaceAll(test, " ", "_")
}

// in names tests of one package.
func in(pkg string, tests ...string) []testName {
	out := make([]testName, len(tests))
	for i, test := range tests {
		out[i] = testName(pkg + " " + test)
	}
	return out
}

// saboteurs are all of them, in the order of the layers.
func saboteurs() []saboteur {
	var out []saboteur
	for _, table := range [][]saboteur{
		policySaboteurs(), tableSaboteurs(), grantSaboteurs(), functionSaboteurs(), roleSaboteurs(),
		statementSaboteurs(), sessionSaboteurs(), tagSaboteurs(), transactionSaboteurs(), resultSaboteurs(), outcomeSaboteurs(),
		poolSaboteurs(), leakSaboteurs(),
		mixinSaboteurs(), contextSaboteurs(), redisSaboteurs(), channelSaboteurs(), serverSaboteurs(),
		plannerSaboteurs(), runnerSaboteurs(), doctorSaboteurs(),
	} {
		out = append(out, table...)
	}
	return out
}

// fault is what is wrong with a saboteur itself, whatever it sabotages.
func (s saboteur) fault() error {
	switch {
	case s.id == "" || s.layer == "" || s.removes == "":
		return fmt.Errorf("saboteur %q: it needs an id, a layer, and what it removes", s.id)
	case (s.code == nil) == (s.data == nil):
		return fmt.Errorf("saboteur %s: it changes either code or a database", s.id)
	case s.code != nil && (len(s.code.edits) == 0 || len(s.code.caught) == 0):
		return fmt.Errorf("saboteur %s: it needs a change, and a test that has to notice", s.id)
	case s.data != nil && (s.data.plant == "" || len(s.data.doctor)+len(s.data.attacks) == 0):
		return fmt.Errorf("saboteur %s: it needs SQL, and a finding or an attack that has to notice", s.id)
	case s.data != nil && (len(s.data.attacks) == 0) != (s.held != ""):
		return fmt.Errorf("saboteur %s: either attacks get through, or it says what holds", s.id)
	}
	return nil
}
