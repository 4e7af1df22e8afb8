package server_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const refuseDeletion = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
	CREATE TRIGGER refuse BEFORE DELETE ON portal_links FOR EACH ROW EXECUTE FUNCTION refuse()`

// employ gives the user a role in two tenants and rows in each table that has some of a person.
func (b *testBundle) employ(t *testing.T, user, email string) (tenants []string) {
	t.Helper()
	for n, slug := range []string{"acme", "other"} {
		tenant := b.createTenant(t, slug)
		tenants = append(tenants, tenant)
		b.addMember(t, tenant, user, []string{"editor", "viewer"}[n])
		b.exec(t, `INSERT INTO invitations (id, tenant_id, email, role, invited_by, expires_at, accepted_at)
			VALUES (gen_random_uuid(), $1, $2, 'editor', gen_random_uuid(), now(), now())`, idText(tenant), email)
	}
	b.exec(t, `INSERT INTO portal_links (id, user_id, kind, email, token_hash, expires_at)
		VALUES (gen_random_uuid(), $1, 'confirm_email', 'new-' || $2, repeat('b', 64), now())`, idText(user), email)
	b.exec(t, `INSERT INTO mail_outbox (id, kind, subject_id, address) VALUES (gen_random_uuid(), 'email_changed', $1, $2)`, idText(user), email)
	b.exec(t, `INSERT INTO mail_outbox (id, kind, subject_id) SELECT gen_random_uuid(), 'confirm_email', id FROM portal_links`)
	b.exec(t, `INSERT INTO mail_outbox (id, kind, about_tenant_id, subject_id) SELECT gen_random_uuid(), 'invitation', tenant_id, id FROM invitations`)
	b.exec(t, `UPDATE portal_sessions SET user_agent = 'agent-of-uma' WHERE user_id = $1`, idText(user))
	b.tryLogin(t, email, "wrong password").is(401, "invalid_credentials")
	b.user.post(t, tenants[0]+"/agents", `{"name": "Mara"}`).is(201)
	return tenants
}

// remains returns the tables of the database with a row that has the text or the id.
func (b *testBundle) remains(t *testing.T, text string) (tables []string) {
	t.Helper()
	for _, table := range b.queryTexts(t, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`) {
		if b.queryInt(t, `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()+` r WHERE to_jsonb(r)::text LIKE '%' || $1 || '%'`, text) > 0 {
			tables = append(tables, table)
		}
	}
	return tables
}

func TestEraseUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	tenants := b.employ(t, path, userEmail)
	require.ElementsMatch(t, []string{"portal_users", "invitations", "portal_links", "mail_outbox"}, b.remains(t, userEmail))
	b.admin.delete(t, path, "If-Match", `"abc"`).is(412)
	b.user.get(t, "/v1/me").is(200)

	attempts := b.queryInt(t, `SELECT count(*) FROM login_attempts`)
	b.admin.delete(t, path).is(204)
	for _, text := range []string{userEmail, "Uma", "agent-of-uma"} {
		require.Empty(t, b.remains(t, text), text)
	}
	require.ElementsMatch(t, []string{"portal_users", "audit_events", "platform_audit_events"}, b.remains(t, idText(path)))
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM mail_outbox`))
	require.Equal(t, attempts-1, b.queryInt(t, `SELECT count(*) FROM login_attempts`))
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE id = $1 AND email = 'erased-' || id || '@erased.invalid'
		AND name = 'Erased user' AND erased_at IS NOT NULL AND disabled_at IS NOT NULL AND NOT is_admin`, idText(path)))

	b.user.get(t, "/v1/me").is(401)
	b.tryLogin(t, userEmail, password).is(401, "invalid_credentials")
	b.tryLogin(t, "erased-"+idText(path)+"@erased.invalid", password).is(401, "invalid_credentials")
	require.Error(t, b.users.Enable(t.Context(), "erased-"+idText(path)+"@erased.invalid"))
	for _, got := range []response{b.admin.get(t, path), b.admin.delete(t, path), b.admin.patch(t, path, "*", object{"disabled": false})} {
		got.is(404)
	}
	require.Len(t, b.admin.get(t, "/v1/users").items(), 1)
	require.Len(t, b.admin.get(t, tenants[0]+"/agents").items(), 1, "what the person made stays")
	b.create(t, "/v1/users", object{"email": userEmail, "name": "Uma", "password": password}) // the address is free

	var actions []any
	for _, event := range b.events(t, "platform_audit_events") {
		if event["object_id"] == idText(path) {
			actions = append(actions, event["action"])
		}
	}
	require.Equal(t, []any{"erase-user", "user-erased"}, actions)
	require.Equal(t, 2, b.queryInt(t, `SELECT count(*) FROM audit_events WHERE action = 'erase-user' AND object_id = $1`, idText(path)))
}

// TestEraseUserAgain: an erasure that failed in between is completed by the next request.
func TestEraseUserAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	b.employ(t, path, userEmail)
	b.exec(t, refuseDeletion)
	b.admin.delete(t, path).is(500)
	require.NotEmpty(t, b.admin.get(t, path).is(200).at("disabled_at"), "disabled first")
	b.user.get(t, "/v1/me").is(401)
	require.Contains(t, b.remains(t, userEmail), "portal_users")
	b.exec(t, `DROP TRIGGER refuse ON portal_links`)
	b.admin.delete(t, path).is(204)
	require.Empty(t, b.remains(t, userEmail))
}

func TestAdminErasesThemself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addMember(t, b.createTenant(t, "acme"), b.userPath(t, adminEmail), "viewer")
	path := b.userPath(t, adminEmail)
	b.admin.delete(t, path).is(409, "last_platform_admin")
	b.admin.patch(t, b.userPath(t, userEmail), "*", object{"is_admin": true}).is(200)
	b.admin.delete(t, path).is(204)
	b.admin.get(t, "/v1/me").is(401)
	require.Empty(t, b.remains(t, adminEmail))
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM memberships`))
}

func TestExportUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	tenants := b.employ(t, path, userEmail)
	b.exec(t, `DELETE FROM memberships WHERE tenant_id = $1`, idText(tenants[0])) // the events there stay
	never, unrelated := b.createTenant(t, "never"), b.createTenant(t, "unrelated")
	b.admin.invite(t, never, userEmail, "viewer")
	b.exec(t, `DELETE FROM audit_events WHERE action = 'enter-tenant'`)
	got := b.login(t, adminEmail).get(t, path+"/export").is(200)
	entered := b.queryTexts(t, `SELECT tenant_id FROM audit_events WHERE action = 'enter-tenant'`)
	require.ElementsMatch(t, []string{idText(tenants[0]), idText(tenants[1]), idText(never)}, entered, "not "+unrelated)
	require.Equal(t, true, got.at("complete"))
	require.Equal(t, userEmail, got.at("user", "email"))
	require.Equal(t, []any{object{"tenant_id": idText(tenants[1]), "role": "viewer"}}, got.at("memberships"))
	require.Equal(t, "agent-of-uma", got.at("sessions", 0, "user_agent"))
	require.Equal(t, "new-"+userEmail, got.at("links", 0, "email"))
	var invitedTo []any
	for _, one := range got.at("invitations").([]any) {
		invitedTo = append(invitedTo, one.(object)["tenant_id"])
	}
	require.ElementsMatch(t, []any{idText(tenants[0]), idText(tenants[1]), idText(never)}, invitedTo)
	require.Len(t, got.at("audit_events"), 1)
	require.Equal(t, "create-agent", got.at("audit_events", 0, "action"))
	require.Equal(t, idText(tenants[0]), got.at("audit_events", 0, "tenant_id"))
	require.Equal(t, "export-user", got.at("platform_audit_events", 0, "action"))
	for _, secret := range []string{"hash", "bbbbbbbb", "argon2", b.user.token} {
		require.NotContains(t, got.body, secret)
	}
	require.NotContains(t, got.body, adminEmail)
	b.user.get(t, path+"/export").is(403)
}

// TestExportHasTheNewestEvents of all tenants, although the first one alone reaches the limit.
func TestExportHasTheNewestEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	busy, other := b.createTenant(t, "busy"), b.createTenant(t, "other")
	b.exec(t, `INSERT INTO audit_events (id, tenant_id, actor_id, action)
		SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, $1, $2, 'n' || n FROM generate_series(0, 10000) n`,
		idText(busy), idText(path))
	b.exec(t, `INSERT INTO audit_events (id, tenant_id, actor_id, action)
		VALUES ('00000000-0000-7000-9000-000000000000', $1, $2, 'newest')`, idText(other), idText(path))
	b.addMember(t, other, path, "viewer")
	b.admin.invite(t, other, "new-"+userEmail, "viewer")
	b.exec(t, `UPDATE invitations SET email = $1`, userEmail)
	got := b.admin.get(t, path+"/export").is(200)
	require.Equal(t, false, got.at("complete"))
	require.Len(t, got.at("audit_events"), 10_000)
	require.Equal(t, "newest", got.at("audit_events", 0, "action"))
	require.Equal(t, "n10000", got.at("audit_events", 1, "action"))
	require.Equal(t, "n2", got.at("audit_events", 9_999, "action"))
	require.Len(t, got.at("invitations"), 1)
}

// TestEraseInvitations, also in tenants that the person never joined.
func TestEraseInvitations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	tenant := b.createTenant(t, "acme")
	b.admin.invite(t, tenant, userEmail, "viewer")
	b.admin.invite(t, tenant, grace, "viewer")
	b.admin.delete(t, path).is(204)
	require.Empty(t, b.remains(t, userEmail))
	require.Equal(t, 1, b.count(t, "invitations"))
	_, erased, _ := b.event(t, tenant, "erase-user")
	require.Equal(t, "user/"+idText(path), erased)
}

// TestEraseAnswers that are kept for requests with an Idempotency-Key: of the user's creation, of an invitation to the
// user, and of one by the user, but not of others.
func TestEraseAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	const email, name = "grete@example.com", "Grete Hermann"
	b.admin.keyed(t, "a-key", "/v1/users", object{"email": email, "name": name, "password": password}).is(201)
	path := b.userPath(t, email)
	b.addMember(t, acme, path, "owner")
	b.addMember(t, acme, b.userPath(t, userEmail), "owner")
	b.login(t, email).keyed(t, "a-key", acme+"/invitations", object{"email": grace, "role": "viewer"}).is(201)
	b.admin.keyed(t, "a-key", other+"/invitations", object{"email": email, "role": "viewer"}).is(201)
	kept := object{"name": "Mara"}
	b.admin.keyed(t, "another-key", acme+"/agents", kept).is(201)
	for _, table := range []string{"idempotency_keys", "platform_idempotency_keys"} {
		require.Contains(t, append(b.remains(t, name), b.remains(t, email)...), table)
	}
	b.admin.delete(t, path).is(204)
	require.Empty(t, b.remains(t, email))
	require.Empty(t, b.remains(t, name))
	require.True(t, b.admin.keyed(t, "another-key", acme+"/agents", kept).is(201).replayed())
}

// TestErasureHidesTheAdmin from owners, as in all events of platform admins, also after the admin is demoted.
func TestErasureHidesTheAdmin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tenant := b.createTenant(t, "acme")
	owner := b.login(t, b.createMember(t, tenant, "owner"))
	path := b.userPath(t, userEmail)
	b.addMember(t, tenant, path, "viewer")
	b.admin.delete(t, path).is(204)
	b.exec(t, `UPDATE portal_users SET is_admin = false`)
	got := owner.get(t, tenant+"/audit-events?action=erase-user").is(200)
	require.Len(t, got.at("items"), 1)
	require.Equal(t, []any{"Platform admin", "", ""},
		[]any{got.at("items", 0, "actor", "name"), got.at("items", 0, "actor", "email"), got.at("items", 0, "address")})
}

// TestEraseDuringAPurge: both lock the tenant before its rows, so they do not deadlock.
func TestEraseDuringAPurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	tenant := b.createTenant(t, "acme")
	b.admin.invite(t, tenant, userEmail, "viewer")
	purge := b.beginTx(t, `SELECT FROM tenants WHERE id = $1 FOR UPDATE`, idText(tenant))
	outcome := make(chan map[int]int, 1)
	erase := func() response { return b.admin.delete(t, path) }
	go func() { outcome <- concurrently(erase) }()
	b.waitForLocks(t, 1, `%`)
	for _, sql := range []string{
		`DELETE FROM invitations WHERE tenant_id = $1`, `DELETE FROM audit_events WHERE tenant_id = $1`,
		`DELETE FROM tenants WHERE id = $1`,
	} {
		_, err := purge.Exec(t.Context(), sql, idText(tenant))
		require.NoError(t, err)
	}
	require.NoError(t, purge.Commit(t.Context()))
	require.Equal(t, map[int]int{204: 1}, <-outcome)
	require.Empty(t, b.remains(t, userEmail))
}

// TestUserEnabledDuringErasure is not erased, because the user may have joined a tenant again.
func TestUserEnabledDuringErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	b.addMember(t, b.createTenant(t, "acme"), path, "viewer")
	holder := b.beginTx(t, `SELECT FROM memberships FOR UPDATE`)
	outcome := make(chan map[int]int, 1)
	erase := func() response { return b.admin.delete(t, path) }
	go func() { outcome <- concurrently(erase) }()
	b.waitForLocks(t, 1, `DELETE FROM%memberships%`)
	b.admin.patch(t, path, "*", object{"disabled": false}).is(200)
	require.NoError(t, holder.Rollback(t.Context()))
	require.Equal(t, map[int]int{412: 1}, <-outcome)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE erased_at IS NOT NULL`))
	b.admin.delete(t, path).is(204)
}

// TestErasureAndExportNeedIsolation: they read rows of tenants.
func TestErasureAndExportNeedIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	b.checkIsolation(t, errorFinding())
	b.admin.get(t, path+"/export").is(503)
	b.admin.delete(t, path).is(503)
	b.admin.get(t, path).is(200)
	b.checkIsolation(t, nil)
	b.admin.get(t, path+"/export").is(200)
}

// TestFormerAddress: the invitation that a person accepted with a former address is theirs, too.
func TestFormerAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	path := b.userPath(t, userEmail)
	_, link := b.admin.invite(t, acme, userEmail, "viewer")
	b.user.post(t, "/v1/invitations/accept", object{"token": link}).is(201)
	b.admin.invite(t, acme, "other@example.com", "viewer")
	b.exec(t, `UPDATE portal_users SET email = 'new@example.com' WHERE email = $1`, userEmail)

	require.Equal(t, userEmail, b.admin.get(t, path+"/export").at("invitations", 0, "email"))
	require.Len(t, b.admin.get(t, path+"/export").at("invitations"), 1)
	b.admin.delete(t, path).is(204)
	require.Empty(t, b.remains(t, userEmail))
	require.Equal(t, []string{"other@example.com"}, b.queryTexts(t, `SELECT email FROM invitations`))
}

// TestPlaceholdersAreFree: no user can have the address that an erased user gets.
func TestPlaceholdersAreFree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme := b.createTenant(t, "acme")
	email := "Erased-" + b.user.id(t) + "@Erased.Invalid"
	b.admin.post(t, acme+"/invitations", object{"email": email, "role": "viewer"}).invalid("body.email")
	b.admin.delete(t, b.userPath(t, userEmail)).is(204)
}
