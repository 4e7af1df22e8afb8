package attack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func sessions() family {
	return family{
		name: "session", title: "Session settings", scenarios: slices.Concat(settingsLeft(), settingsHidden()),
	}
}

const asBefore = "the next statement runs under the server's settings, and each tenant gets its own rows"

func settingsLeft() []scenario {
	return []scenario{
		{
			id:   "A69-every-setting",
			does: "changes each setting that affects more than speed, each in its own SELECT", required: asBefore,
			once: (*harness).everySetting,
		},
		{
			id: "A69-two-at-once", does: "changes all of them in a single SELECT", required: asBefore,
			once: (*harness).allSettings,
		},
		{
			id: "A69-effects", does: "leaves settings that corrupt text, refuse writes, hide rows or end statements",
			required: "the next tenant's reads, writes and texts are unharmed", once: (*harness).effects,
		},
		{
			id:       "A69-equivalent",
			does:     "spells a setting's value in another way, so that a comparison of texts could miss or repeat it",
			required: asBefore, once: (*harness).equivalent,
		},
	}
}

func settingsHidden() []scenario {
	return []scenario{
		{
			id:       "A69-in-transaction",
			does:     "changes settings for the session inside a transaction that commits, rolls back, or uses savepoints",
			required: asBefore, each: (*harness).settingsInTransaction,
		},
		{
			id:       "A69-by-function",
			does:     "has a function run the SQL that changes a setting, so that no statement of that kind is seen",
			required: asBefore, once: (*harness).settingByFunction,
		},
		{
			id: "A69-by-command", does: "changes settings by SET, SET SESSION, RESET and DISCARD", required: asBefore,
			once: (*harness).settingByCommand,
		},
		{
			id:       "A69-role",
			does:     "names its own role by SET ROLE and SET SESSION AUTHORIZATION, and by their settings",
			required: "the next statement has the login's role, unchanged", once: (*harness).sessionRole,
		},
		{
			id: "A69-speed", does: "leaves settings that only make statements slower", accepted: "session-state",
			required: "they stay until the connection is closed", once: (*harness).slowed,
		},
		{
			id: "A69-seed", does: "seeds random(), whose state no setting shows", accepted: "session-state",
			required: "the next random() on the connection is predictable; UUIDs are not", once: (*harness).seeded,
		},
		{
			id:       "A70-role-encoding",
			does:     "gives its own role another client_encoding, which every new connection begins with",
			required: "text is stored as it was sent", once: (*harness).roleEncoding,
		},
	}
}

// comparing opens a driver with one connection, and passes a function that requires unchanged settings.
func (h *harness) comparing(ctx context.Context, do func(drv *pgtenant.Driver, unchanged func() error) error) error {
	all, err := h.changes(ctx)
	if err != nil {
		return err
	}
	want, err := h.reference(ctx, all)
	if err != nil {
		return err
	}
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		return do(drv, func() error { return h.unchangedSettings(ctx, drv, all, want) })
	})
}

// afterEach sends each statement as a tenant, and requires that the next one finds its settings unchanged.
func (h *harness) afterEach(ctx context.Context, texts ...string) error {
	return h.comparing(ctx, func(drv *pgtenant.Driver, unchanged func() error) error {
		for _, text := range texts {
			if a := query(as(ctx, h.attacker.id), drv, text); a.err != nil {
				return fmt.Errorf("%q: %w", text, a.err)
			}
			if err := errors.Join(unchanged(), h.ownRows(ctx, drv, h.tables[0])); err != nil {
				return fmt.Errorf("after %q: %w", text, err)
			}
		}
		return nil
	})
}

func (h *harness) everySetting(ctx context.Context) error {
	all, err := h.changes(ctx)
	if err != nil {
		return err
	}
	return h.comparing(ctx, func(drv *pgtenant.Driver, unchanged func() error) error {
		changed := 0
		for _, c := range all {
			if err := drv.Exec(as(ctx, h.attacker.id), c.sql(), []any{}, nil); err != nil {
				continue // this server takes no such value
			}
			changed++
			if err := unchanged(); err != nil {
				return fmt.Errorf("after %q: %w", c.sql(), err)
			}
		}
		if changed < len(all)/2 {
			return fmt.Errorf("only %d of %d settings could be changed, so little is proven", changed, len(all))
		}
		return h.ownRows(ctx, drv, h.tables[0])
	})
}

func (h *harness) allSettings(ctx context.Context) error {
	all, err := h.changes(ctx)
	if err != nil {
		return err
	}
	// With another client_encoding, the answer itself could not be read.
	all = slices.DeleteFunc(all, func(c change) bool { return c.name == "client_encoding" })
	return h.afterEach(ctx, setAll(all...))
}

// effects leaves harmful settings, and tests for the harm itself.
func (h *harness) effects(ctx context.Context) error {
	theirs, tb := as(ctx, h.victim.id), h.tables[0]
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		for _, c := range []change{
			{"client_encoding", "LATIN1"},
			{"row_security", "off"},
			{"search_path", "pg_temp"},
			{"default_transaction_read_only", "on"},
			{"statement_timeout", "20"},
			{"extra_float_digits", "-15"},
			{"xmloption", "document"},
			{"transform_null_equals", "on"},
			{"array_nulls", "off"},
		} {
			if err := drv.Exec(as(ctx, h.attacker.id), c.sql(), []any{}, nil); err != nil {
				return err
			}
			if err := errors.Join(h.unharmed(theirs, drv, tb), h.ownRows(ctx, drv, tb)); err != nil {
				return fmt.Errorf("after %q: %w", c.sql(), err)
			}
		}
		return nil
	})
}

// unharmed writes, sleeps, and requires that text and numbers arrive as sent.
func (h *harness) unharmed(ctx context.Context, drv *pgtenant.Driver, tb *table) (err error) {
	tx, err := drv.Tx(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	var length, nulls int64
	var number string
	row := pgtenant.QueryRow(ctx, tx, "select char_length($1::text), array_length($2::text[], 1),"+
		" (0.1::float8 + 0.2::float8)::text from pg_sleep(0.05)", "é€", "{NULL,x}")
	if err := row.Scan(&length, &nulls, &number); err != nil {
		return err
	}
	if length != 2 || nulls != 2 || number != "0.30000000000000004" {
		return fmt.Errorf("a text of two characters has %d, a sum of floats is %s", length, number)
	}
	return tx.Exec(ctx, h.spell(insert("{mine}"), tb, h.victim.id), []any{}, nil)
}

// equivalent sets a setting's own value in another spelling. The driver may take it for a change only if it then
// replaces the connection.
func (h *harness) equivalent(ctx context.Context) error {
	var texts []string
	for _, c := range []change{
		{"client_encoding", "utf-8"},
		{"DateStyle", "iso, mdy"},
		{"row_security", "true"},
		{"synchronous_commit", "true"},
		{"search_path", `"$user",public`},
		{"TimeZone", "Etc/UTC"},
		{"statement_timeout", "15000ms"},
		{"lock_timeout", "3000"},
	} {
		texts = append(texts, c.sql())
	}
	return h.afterEach(ctx, texts...)
}

// settingsInTransaction changes the session's tenant and time limit from inside a transaction.
func (h *harness) settingsInTransaction(ctx context.Context, tb *table) error {
	mine := as(ctx, h.attacker.id)
	tenant, poison := change{rls.Setting, h.victim.id.String()}.sql(), change{"statement_timeout", "1234"}.sql()
	return h.comparing(ctx, func(drv *pgtenant.Driver, unchanged func() error) error {
		for _, steps := range [][]string{
			{tenant},
			{poison},
			{tenant, "savepoint one", poison, "release one"},
			{"savepoint one", poison, "rollback to one"},
			{"savepoint one", poison, "savepoint two", "release one"},
			{poison, "savepoint one", "rollback to one"},
		} {
			for _, end := range []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback} {
				if err := runInTx(mine, drv, end, steps...); err != nil {
					return fmt.Errorf("%q: %w", steps, err)
				}
				if err := errors.Join(unchanged(), h.ownRows(ctx, drv, tb)); err != nil {
					return fmt.Errorf("after %q: %w", steps, err)
				}
			}
		}
		return nil
	})
}

func runInTx(ctx context.Context, drv *pgtenant.Driver, end func(dialect.Tx) error, steps ...string) error {
	tx, err := drv.Tx(ctx)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := tx.Exec(ctx, step, []any{}, nil); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return end(tx)
}

// settingByFunction has functions run a text as a query.
func (h *harness) settingByFunction(ctx context.Context) error {
	inner := rls.Literal(setAll(change{"row_security", "off"}, change{"statement_timeout", "1234"}))
	return h.afterEach(ctx,
		"select query_to_xml("+inner+", true, false, '')",
		"with x as materialized (select query_to_xml("+inner+", true, false, '') r) select count(r::text) from x",
		"select count(*) from ts_stat("+rls.Literal("select to_tsvector(set_config('row_security', 'off', false))")+")",
	)
}

func (h *harness) settingByCommand(ctx context.Context) error {
	return h.afterEach(ctx,
		"set row_security = off", "set session statement_timeout = 1234", "set time zone 'Asia/Tokyo'",
		"set names 'LATIN1'", "set session characteristics as transaction read only",
		"set session characteristics as transaction isolation level serializable",
		"reset all", "reset row_security", "discard plans", "discard sequences", "discard temp",
	)
}

// sessionRole sets the only role it may set, its own, which must not stay either.
func (h *harness) sessionRole(ctx context.Context) error {
	const who = "select current_user, session_user, current_setting('is_superuser')"
	return h.withOneConn(ctx, func(drv *pgtenant.Driver) error {
		want := query(as(ctx, h.victim.id), drv, who)
		if want.err != nil {
			return want.err
		}
		for _, text := range []string{
			"set role none", "set session authorization default", "select set_config('role', current_user, false)",
			"select set_config('session_authorization', current_user, false)",
		} {
			if a := query(as(ctx, h.attacker.id), drv, text); a.err != nil {
				return fmt.Errorf("%q: %w", text, a.err)
			}
			got := query(as(ctx, h.victim.id), drv, who)
			if got.err != nil || !slices.Equal(got.rows[0], want.rows[0]) {
				return fmt.Errorf("after %q the next statement is %q, and was %q: %w",
					text, got.rows, want.rows, orNone(got.err))
			}
			if err := h.ownRows(ctx, drv, h.tables[0]); err != nil {
				return err
			}
		}
		return nil
	})
}

// roleEncoding changes its role's default in this database only, while a driver connects.
func (h *harness) roleEncoding(ctx context.Context) error {
	a := h.raw.do(ctx, "select quote_ident(current_database())")
	if a.err != nil {
		return a.err
	}
	role := "alter role current_user in database " + a.rows[0][0]
	if err := h.raw.do(ctx, role+" set client_encoding = 'LATIN1'").err; err != nil {
		return err
	}
	defer h.raw.do(context.WithoutCancel(ctx), role+" reset client_encoding")
	return h.direct(ctx, func(drv *pgtenant.Driver) error {
		for range 2 { // a connection's first statement, and a later one
			if err := h.unharmed(as(ctx, h.victim.id), drv, h.tables[0]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *harness) slowed(ctx context.Context) error {
	return h.direct(ctx, func(drv *pgtenant.Driver) error {
		if err := drv.Exec(as(ctx, h.attacker.id), change{"work_mem", "64"}.sql(), []any{}, nil); err != nil {
			return err
		}
		a := query(as(ctx, h.victim.id), drv, "select 1 where current_setting('work_mem') = '64kB'")
		return errors.Join(pinned(a.err, found(a)), h.ownRows(ctx, drv, h.tables[0]))
	})
}

func (h *harness) seeded(ctx context.Context) error {
	const seed = "select setseed(0.42)"
	want := h.raw.all(ctx, seed, "select random()::text")
	if want.err != nil {
		return want.err
	}
	return h.direct(ctx, func(drv *pgtenant.Driver) error {
		if err := drv.Exec(as(ctx, h.attacker.id), seed, []any{}, nil); err != nil {
			return err
		}
		a := query(as(ctx, h.victim.id), drv, "select random()::text, gen_random_uuid()::text")
		if a.err != nil {
			return a.err
		}
		uuids := h.raw.all(ctx, seed, "select random()::text, gen_random_uuid()::text")
		if uuids.err == nil && uuids.rows[0][1] == a.rows[0][1] {
			return errors.New("gen_random_uuid() follows the seed")
		}
		return pinned(uuids.err, a.rows[0][0] == want.rows[0][0])
	})
}
