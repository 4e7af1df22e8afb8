package attack

import (
	"context"
	"slices"

	"entgo.io/ent/dialect"

	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

func sessions() family {
	const asBefore = "the next statement runs under the server's settings, and each tenant gets its own rows"
	return family{name: "session", title: "Session settings", scenarios: []scenario{
		once("A69-every-setting", "changes each setting that affects more than speed, each in its own SELECT", asBefore,
			everySetting),
		once("A69-two-at-once", "changes all of them in a single SELECT", asBefore, allSettings),
		once("A69-effects", "leaves settings that corrupt text, refuse writes, hide rows or end statements",
			"the next tenant's reads, writes and texts are unharmed", effects),
		once("A69-equivalent",
			"spells a setting's value in another way, so that a comparison of texts could miss or repeat it", asBefore,
			equivalent),
		each("A69-in-transaction",
			"changes settings for the session inside a transaction that commits, rolls back, or uses savepoints",
			asBefore, settingsInTransaction),
		once("A69-by-function",
			"has a function run the SQL that changes a setting, so that no statement of that kind is seen", asBefore,
			settingByFunction),
		once("A69-by-command", "changes settings by SET, SET SESSION, RESET and DISCARD", asBefore, settingByCommand),
		once("A69-role", "names its own role by SET ROLE and SET SESSION AUTHORIZATION, and by their settings",
			"the next statement has the login's role, unchanged", sessionRole),
		once("A69-speed", "leaves settings that only make statements slower",
			"they stay until the connection is closed", slowed).accepting("session-state"),
		once("A69-seed", "seeds random(), whose state no setting shows",
			"the next random() on the connection is predictable; UUIDs are not", seeded).accepting("session-state"),
		once("A70-role-encoding",
			"gives its own role another client_encoding, which every new connection begins with",
			"text is stored as it was sent", roleEncoding),
	}}
}

// afterEach sends each statement as a tenant, and requires that the next one finds its settings unchanged.
func (a *attempt) afterEach(texts ...string) {
	drv := a.open()
	unchanged := a.watchSettings(drv)
	for _, text := range texts {
		a.stepf("after %q", text)
		a.must(a.query(a.mine, drv, text).err)
		unchanged()
		a.ownRows(drv)
	}
}

func everySetting(a *attempt) {
	drv := a.open()
	unchanged := a.watchSettings(drv)
	all, changed := a.changes(), 0
	for _, c := range all {
		if a.exec(a.mine, drv, c.sql()) != nil {
			continue // this server takes no such value
		}
		changed++
		a.stepf("after %q", c.sql())
		unchanged()
	}
	if changed < len(all)/2 {
		a.failf("only %d of %d settings could be changed, so little is proven", changed, len(all))
	}
	a.ownRows(drv)
}

func allSettings(a *attempt) {
	// With another client_encoding, the answer itself could not be read.
	all := slices.DeleteFunc(a.changes(), func(c change) bool { return c.name == "client_encoding" })
	a.afterEach(setAll(all...))
}

// effects leaves harmful settings, and tests for the harm itself.
func effects(a *attempt) {
	drv := a.open()
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
		a.stepf("after %q", c.sql())
		a.must(a.exec(a.mine, drv, c.sql()))
		a.unharmed(drv)
		a.ownRows(drv)
	}
}

// unharmed requires that the victim can write and sleep, and that text and numbers arrive as sent.
func (a *attempt) unharmed(drv *pgtenant.Driver) {
	tx := a.begin(a.theirs, drv)
	var length, nulls int64
	var number string
	row := pgtenant.QueryRow(a.theirs, tx, "select char_length($1::text), array_length($2::text[], 1),"+
		" (0.1::float8 + 0.2::float8)::text from pg_sleep(0.05)", "é€", "{NULL,x}")
	a.must(row.Scan(&length, &nulls, &number))
	if length != 2 || nulls != 2 || number != "0.30000000000000004" {
		a.failf("a text of two characters has %d, a sum of floats is %s", length, number)
	}
	a.must(a.exec(a.theirs, tx, insert("{mine}")), tx.Rollback())
}

// equivalent sets a setting's own value in another spelling. The driver may take it for a change only if it then
// replaces the connection.
func equivalent(a *attempt) {
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
	a.afterEach(texts...)
}

// settingsInTransaction changes the session's tenant and time limit from inside a transaction.
func settingsInTransaction(a *attempt) {
	tenant, poison := setTenant(a.victim.id, false), change{"statement_timeout", "1234"}.sql()
	drv := a.open()
	unchanged := a.watchSettings(drv)
	for _, steps := range [][]string{
		{tenant},
		{poison},
		{tenant, "savepoint one", poison, "release one"},
		{"savepoint one", poison, "rollback to one"},
		{"savepoint one", poison, "savepoint two", "release one"},
		{poison, "savepoint one", "rollback to one"},
	} {
		for _, end := range ends() {
			a.stepf("after %q", steps)
			a.must(a.runInTx(a.mine, drv, end, steps...))
			unchanged()
			a.ownRows(drv)
		}
	}
}

func ends() []func(dialect.Tx) error {
	return []func(dialect.Tx) error{dialect.Tx.Commit, dialect.Tx.Rollback}
}

func (a *attempt) runInTx(
	ctx context.Context, drv *pgtenant.Driver, end func(dialect.Tx) error, steps ...string,
) error {
	tx := a.begin(ctx, drv)
	for _, step := range steps {
		a.must(a.exec(ctx, tx, step))
	}
	return end(tx)
}

// settingByFunction has functions run a text as a query.
func settingByFunction(a *attempt) {
	inner := rls.Literal(setAll(change{"row_security", "off"}, change{"statement_timeout", "1234"}))
	a.afterEach(
		"select query_to_xml("+inner+", true, false, '')",
		"with x as materialized (select query_to_xml("+inner+", true, false, '') r) select count(r::text) from x",
		"select count(*) from ts_stat("+rls.Literal("select to_tsvector(set_config('row_security', 'off', false))")+")",
	)
}

func settingByCommand(a *attempt) {
	a.afterEach(
		"set row_security = off", "set session statement_timeout = 1234", "set time zone 'Asia/Tokyo'",
		"set names 'LATIN1'", "set session characteristics as transaction read only",
		"set session characteristics as transaction isolation level serializable",
		"reset all", "reset row_security", "discard plans", "discard sequences", "discard temp",
	)
}

// sessionRole sets the only role it may set, its own, which must not stay either.
func sessionRole(a *attempt) {
	const who = "select current_user, session_user, current_setting('is_superuser')"
	drv := a.open()
	want := a.query(a.theirs, drv, who)
	a.must(want.err)
	for _, text := range []string{
		"set role none", "set session authorization default", "select set_config('role', current_user, false)",
		"select set_config('session_authorization', current_user, false)",
	} {
		a.stepf("after %q", text)
		a.must(a.query(a.mine, drv, text).err)
		got := a.query(a.theirs, drv, who)
		a.must(got.err)
		if !slices.Equal(got.rows[0], want.rows[0]) {
			a.failf("the next statement is %q, and was %q", got.rows, want.rows)
		}
		a.ownRows(drv)
	}
}

// roleEncoding changes its role's default in this database only, while a driver connects.
func roleEncoding(a *attempt) {
	database := a.do(a.raw, "select quote_ident(current_database())")
	a.must(database.err)
	role := "alter role current_user in database " + database.rows[0][0]
	a.must(a.do(a.raw, role+" set client_encoding = 'LATIN1'").err)
	a.t.Cleanup(func() { a.raw.do(context.WithoutCancel(a.ctx), role+" reset client_encoding") })
	drv := a.direct()
	for range 2 { // a connection's first statement, and a later one
		a.unharmed(drv)
	}
}

func slowed(a *attempt) {
	drv := a.direct()
	a.must(a.exec(a.mine, drv, change{"work_mem", "64"}.sql()))
	got := a.query(a.theirs, drv, "select 1 where current_setting('work_mem') = '64kB'")
	a.pinned(got.err, found(got))
	a.ownRows(drv)
}

func seeded(a *attempt) {
	const seed, read = "select setseed(0.42)", "select random()::text, gen_random_uuid()::text"
	drv := a.direct()
	a.must(a.exec(a.mine, drv, seed))
	got, want := a.query(a.theirs, drv, read), a.do(a.raw, seed, read)
	a.must(got.err, want.err)
	if want.rows[0][1] == got.rows[0][1] {
		a.failf("gen_random_uuid() follows the seed")
	}
	a.pinned(nil, got.rows[0][0] == want.rows[0][0])
}
