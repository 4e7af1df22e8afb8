package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/mockt"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// tryData plants a database saboteur in a clone, and runs the doctor and the attack kit: only the attacks that matter,
// unless whole is set.
func tryData(ctx context.Context, shared *testdb.Cluster, sab saboteur, whole bool) verdict {
	began, v := time.Now(), newVerdict(sab)
	host := mockt.New(ctx, sab.id)
	host.Do(func(h *mockt.T) {
		cluster := shared
		if sab.roles {
			cluster = testdb.OwnCluster(h) //nolint:contextcheck // the cluster ends with h
		}
		found, err := sabotaged(ctx, h, cluster, sab, whole)
		if err != nil {
			h.Fatalf("%v", err)
		}
		v = found.judge(v, sab)
	})
	return v.end(host.Err(), began)
}

// examined is what the doctor and the attack kit found in a database.
type examined struct {
	findings []string          // codes
	breaches []string          // ids of attacks
	details  map[string]string // of a breach by each attack
	faults   []string          // other failures of the kit
}

// anyAttack requires that some attack succeeds, where timing decides which one.
const anyAttack = "any"

// registration stands for the kit's refusal of a table without attacks, like the id of an attack.
const registration = "registration"

// sabotaged plants the sabotage in a new database and examines it. Before, the doctor must report no finding, and with
// other layers removed first, all attacks must fail.
func sabotaged(
	ctx context.Context, h *mockt.T, cluster *testdb.Cluster, sab saboteur, whole bool,
) (examined, error) {
	skip := func(named []string) []string {
		if whole {
			return onConnections()
		}
		return skipped(sab.plant, named)
	}
	db := cluster.New(h) //nolint:contextcheck // the database ends with h
	if err := fixture.Migrate(ctx, db.OwnerURL); err != nil {
		return examined{}, err
	}
	switch codes, err := diagnose(ctx, db); {
	case err != nil:
		return examined{}, err
	case len(codes) > 0:
		return examined{}, fmt.Errorf("%w: the database was not clean before: %v", errBroken, codes)
	}
	if sab.givenSQL != "" {
		if err := plant(ctx, db, sab.givenSQL); err != nil {
			return examined{}, err
		}
		before, err := examine(ctx, h, db, skip(nil))
		if err != nil {
			return examined{}, err
		}
		if len(before.breaches)+len(before.faults) > 0 {
			return examined{}, fmt.Errorf("%w: without the other layers, and with this one: %v %v",
				errBroken, before.breaches, before.faults)
		}
	}
	if err := plant(ctx, db, sab.plant); err != nil {
		return examined{}, err
	}
	return examine(ctx, h, db, skip(sab.attacks))
}

// onConnections returns the families of attacks on the driver's connections, which no change of a database affects.
func onConnections() []string { return []string{"connection", "leak", "driver"} }

// skipped returns the families, attacks and tables that need not be tried: the attacks that are not named or, without
// names, those on connections and on tables that the planted SQL does not change.
func skipped(planted string, named []string) []string {
	skip := onConnections()
	if slices.Contains(named, anyAttack) {
		return skip
	}
	if len(named) == 0 {
		return append(skip, otherTables(planted)...)
	}
	needed := map[string]bool{}
	for _, a := range isolation.Attacks() {
		named := slices.Contains(named, a.ID)
		needed[a.Family] = needed[a.Family] || named
		if !named {
			skip = append(skip, a.ID)
		}
	}
	for family, need := range needed {
		if !need {
			skip = append(skip, family)
		}
	}
	return append(skip, "pins")
}

// otherTables returns the names of attacks on the tables that the SQL does not name, or nothing if it names none.
func otherTables(planted string) (others []string) {
	changed := false
	for _, e := range isolation.Entities(nil, nil, nil) {
		_, table, _ := strings.Cut(e.Table, ".")
		if slices.Contains(words.FindAllString(planted, -1), table) {
			changed = true
		} else {
			others = append(others, e.Name, e.Table)
		}
	}
	if !changed {
		return nil
	}
	return others
}

var words = regexp.MustCompile(`\w+`)

func plant(ctx context.Context, db *testdb.Database, sql string) error {
	err := connected(ctx, db.SuperURL, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, strings.ReplaceAll(sql, "{db}", db.Name))
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: planting: %w", errBroken, err)
	}
	return nil
}

func examine(ctx context.Context, h *mockt.T, db *testdb.Database, skip []string) (examined, error) {
	var e examined
	var err error
	if e.findings, err = diagnose(ctx, db); err != nil {
		return e, err
	}
	// Failures are expected here and read from the report.
	kit := mockt.New(ctx, h.Name())
	kit.Without = skip
	kit.Do(func(kit *mockt.T) { //nolint:contextcheck // kit has a context
		e = e.with(isolation.Run(kit, isolation.DB{AppURL: db.AppURL, SuperURL: db.SuperURL}))
	})
	if len(e.breaches) == 0 {
		e.faults = append(e.faults, kit.Failures()...)
	}
	return e, nil
}

func (e examined) with(r *attack.Report) examined {
	e.details = map[string]string{}
	for _, family := range r.Families {
		for _, entry := range family.Attacks {
			for _, result := range entry.Results {
				if result.Outcome == attack.Breach {
					e.breaches = append(e.breaches, entry.ID)
					e.details[entry.ID] = result.On + ": " + result.Detail
				}
			}
		}
	}
	for _, fault := range r.Faults {
		if strings.Contains(fault, "no attack registration") {
			e.breaches = append(e.breaches, registration)
		} else {
			e.faults = append(e.faults, fault)
		}
	}
	slices.Sort(e.breaches)
	e.breaches = slices.Compact(e.breaches)
	return e
}

// judge compares the findings with what the saboteur names. If it names no attack, none may succeed.
func (e examined) judge(v verdict, sab saboteur) verdict {
	v = v.noticed("doctor", sab.doctor, e.findings)
	wanted := sab.attacks
	if len(e.breaches) > 0 {
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(id string) bool { return id == anyAttack })
	}
	v = v.noticed("attack", wanted, e.breaches)
	v.Crossed = len(e.breaches) > 0
	if len(sab.attacks) == 0 {
		for _, id := range e.breaches {
			v.Missed = append(v.Missed, "held against "+id+" ("+e.details[id]+")")
		}
	}
	for _, f := range e.faults {
		v.By = append(v.By, "attack kit: "+f)
	}
	return v
}

// attackTools is the prefix of the attack kit's objects.
const attackTools = "public.konstruct_attack_"

// diagnose runs the doctor as the application role, and returns the codes of its findings.
func diagnose(ctx context.Context, db *testdb.Database) (codes []string, err error) {
	err = connected(ctx, db.AppURL, func(conn *pgx.Conn) error {
		report, err := doctor.Check(ctx, conn, fixture.Spec())
		if err != nil {
			return err
		}
		for _, f := range report.Findings {
			if !strings.Contains(f.Object, attackTools) {
				codes = append(codes, f.Code)
			}
		}
		return nil
	})
	slices.Sort(codes)
	return slices.Compact(codes), err
}

func connected(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close(context.WithoutCancel(ctx)))
}
