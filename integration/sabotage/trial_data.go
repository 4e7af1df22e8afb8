package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/integration/fixture"
	"github.com/konstruct/konstruct/integration/isolation"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/attack"
	"github.com/konstruct/konstruct/tenancy/doctor"
)

// tryData plants a database saboteur in a clone, and asks the doctor and the attack kit.
func tryData(ctx context.Context, shared *testdb.Cluster, sab saboteur) verdict {
	began, v := time.Now(), newVerdict(sab)
	err := hosted(ctx, sab.id, func(h *host) {
		cluster := shared
		if sab.data.roles {
			cluster = testdb.OwnCluster(h) //nolint:contextcheck // it ends with its host
		}
		found, err := sabotaged(ctx, h, cluster, *sab.data)
		if err != nil {
			h.Fatalf("%v", err)
		}
		v = found.judge(v, sab.data)
	})
	return v.end(err, began)
}

// examined is what the doctor and the attack kit say of a database.
type examined struct {
	findings []string // codes
	breaches []string // ids of attacks
	faults   []string // what went wrong in the kit besides attacks
}

// anyAttack stands for whichever attacks get through where that depends on who came first.
const anyAttack = "any"

// registration stands among the attacks for the kit's refusal of a table that nobody registered.
const registration = "registration"

// sabotaged makes a database, plants the sabotage in it, and examines it. Before, the doctor has to have nothing to say;
// with other layers gone first, the attack kit has to find nothing.
func sabotaged(ctx context.Context, h *host, cluster *testdb.Cluster, d data) (examined, error) {
	db := cluster.New(h) //nolint:contextcheck // it ends with its host
	if err := fixture.Migrate(ctx, db.OwnerURL); err != nil {
		return examined{}, err
	}
	switch codes, err := diagnose(ctx, db); {
	case err != nil:
		return examined{}, err
	case len(codes) > 0:
		return examined{}, fmt.Errorf("%w: the database was not clean before: %v", errBroken, codes)
	}
	if d.given != "" {
		if err := plant(ctx, db, d.given); err != nil {
			return examined{}, err
		}
		before, err := examine(ctx, h, db)
		if err != nil {
			return examined{}, err
		}
		if len(before.breaches)+len(before.faults) > 0 {
			return examined{}, fmt.Errorf("%w: with the other layers gone, and this one in place: %v %v",
				errBroken, before.breaches, before.faults)
		}
	}
	if err := plant(ctx, db, d.plant); err != nil {
		return examined{}, err
	}
	return examine(ctx, h, db)
}

// codeFamilies are attacks on what the driver does with its connections. No change of a database lets one through.
func codeFamilies() []string { return []string{"connection", "leak", "driver"} }

func plant(ctx context.Context, db *testdb.Database, sql string) error {
	if err := execute(ctx, db.SuperURL, strings.ReplaceAll(sql, "{db}", db.Name)); err != nil {
		return fmt.Errorf("%w: planting: %w", errBroken, err)
	}
	return nil
}

func examine(ctx context.Context, h *host, db *testdb.Database) (examined, error) {
	var e examined
	var err error
	if e.findings, err = diagnose(ctx, db); err != nil {
		return e, err
	}
	// What fails here is the sabotage at work: it is read from the report, and held against the saboteur.
	kit := newHost(ctx, h.name, &failures{})
	kit.skip = codeFamilies()
	kit.run(func(kit *host) { //nolint:contextcheck // it has its own, from its host
		e = e.with(isolation.Run(kit, isolation.DB{AppURL: db.AppURL, SuperURL: db.SuperURL}))
	})
	if len(kit.log.lines) > 0 && len(e.breaches) == 0 {
		e.faults = append(e.faults, kit.log.lines...)
	}
	return e, nil
}

// with adds which attacks got through.
func (e examined) with(r *attack.Report) examined {
	for _, family := range r.Families {
		for _, entry := range family.Attacks {
			if slices.ContainsFunc(entry.Results, func(r attack.Result) bool { return r.Outcome == attack.Breach }) {
				e.breaches = append(e.breaches, entry.ID)
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

// judge holds what was found against what has to be. Where no attack is named, none may get through: something else holds.
func (e examined) judge(v verdict, d *data) verdict {
	v = v.noticed("doctor", d.doctor, e.findings)
	wanted := d.attacks
	if len(e.breaches) > 0 {
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(id string) bool { return id == anyAttack })
	}
	v = v.noticed("attack", wanted, e.breaches)
	v.Crossed = len(e.breaches) > 0
	if len(d.attacks) == 0 {
		for _, id := range e.breaches {
			v.Missed = append(v.Missed, "held against "+id)
		}
	}
	for _, f := range e.faults {
		v.By = append(v.By, "attack kit: "+f)
	}
	return v
}

// attackTools begin the names of what the attack kit plants itself.
const attackTools = "public.konstruct_attack_"

// diagnose asks the doctor as the application, and returns the codes of what it found.
func diagnose(ctx context.Context, db *testdb.Database) (codes []string, err error) {
	conn, err := pgx.Connect(ctx, db.AppURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	report, err := doctor.Check(ctx, conn, fixture.Spec())
	if err != nil {
		return nil, err
	}
	for _, f := range report.Findings {
		if !strings.Contains(f.Object, attackTools) {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes), nil
}

// execute runs a script of several statements.
func execute(ctx context.Context, url, script string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.PgConn().Exec(ctx, script).ReadAll() //nolint:forbidigo // a superuser's script is just that
	return err
}
