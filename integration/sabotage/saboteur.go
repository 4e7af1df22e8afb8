package main

import (
	"fmt"
	"strings"
)

// saboteur removes exactly one protection.
type saboteur struct {
	id      string
	layer   layer
	removes string
	// held says what still protects rows, if anything does.
	held string

	// Exactly one of the two is set.
	code *code
	data *data
}

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

// layers are in the order of the report.
func layers() []layer {
	return []layer{
		layerDatabase, layerRoles, layerDriver, layerMixin, layerContext, layerRedis, layerChannel, layerServer,
		layerMigrate, layerDoctor,
	}
}

// code is a change of source.
type code struct {
	// given removes other layers first. The tests in caught must pass with given alone.
	given []edit
	// edits are the sabotage: one protection, maybe in several places.
	edits []edit
	// hangs shortens the timeout of tests that the sabotage makes hang.
	hangs bool
	// caught must fail, holds must pass.
	caught, holds []testName
}

// data is a change of a database.
type data struct {
	// given is SQL that removes other layers first. With given alone, no attack may succeed.
	given string
	// plant is SQL, run as the superuser. {db} is the database's name.
	plant string
	// roles is set if the SQL changes the whole server.
	roles bool
	// doctor lists the codes that the doctor must report.
	doctor []string
	// attacks must succeed. If empty, none may.
	attacks []string
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

func saboteurs() []saboteur {
	var out []saboteur
	for _, table := range [][]saboteur{
		policySaboteurs(), tableSaboteurs(), grantSaboteurs(), functionSaboteurs(), roleSaboteurs(),
		statementSaboteurs(), sessionSaboteurs(), tagSaboteurs(), transactionSaboteurs(), resultSaboteurs(),
		outcomeSaboteurs(),
		poolSaboteurs(), leakSaboteurs(),
		mixinSaboteurs(), contextSaboteurs(), redisSaboteurs(), channelSaboteurs(), serverSaboteurs(),
		plannerSaboteurs(), runnerSaboteurs(), doctorSaboteurs(),
	} {
		out = append(out, table...)
	}
	return out
}

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
