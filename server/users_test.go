package server_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

// userPath returns the path of the user with the address.
func (b *testBundle) userPath(t *testing.T, email string) string {
	t.Helper()
	found := b.queryTexts(t, `SELECT id FROM portal_users WHERE email = $1`, email)
	require.Len(t, found, 1)
	return "/v1/users/" + found[0]
}

func TestUsers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := object{"email": " Grace@Example.com", "name": " Grace ", "password": password}
	path, etag := b.create(t, "/v1/users", body)
	got := b.admin.get(t, path).is(200)
	require.Equal(t, etag, got.etag())
	require.Subset(t, got.json(), object{"email": "grace@example.com", "name": "Grace", "is_admin": false, "email_proven": true})
	require.NotContains(t, got.json(), "disabled_at")
	b.login(t, "grace@example.com").get(t, "/v1/users").is(403)

	require.Equal(t, "body.email", b.admin.post(t, "/v1/users", body).is(409, "already_taken").at("errors", 0, "field"))
	b.admin.post(t, "/v1/users", object{"email": "grace", "name": "Grace", "password": password}).invalid("body.email")
	b.admin.post(t, "/v1/users", object{"email": "g@example.com", "name": "\u00a0", "password": strings.Repeat("é", 600)}).invalid("body.name")
	b.admin.post(t, "/v1/users", object{"email": "g@example.com", "name": "G", "password": strings.Repeat("é", 600)}).invalid("body.password")

	changed := b.admin.patch(t, path, etag, object{"name": "Grace Hopper", "is_admin": true}).is(200)
	require.Subset(t, changed.json(), object{"name": "Grace Hopper", "is_admin": true})
	b.admin.patch(t, path, etag, object{"name": "G"}).is(412)
	b.admin.patch(t, path, "", object{"name": "G"}).is(428)
	b.admin.patch(t, path, changed.etag(), object{}).is(200).sameAs(changed)
	b.login(t, "grace@example.com").get(t, path, "If-None-Match", changed.etag()).is(304)

	b.exec(t, `UPDATE portal_users SET unproven_tenant_id = gen_random_uuid() WHERE email = $1`, userEmail)
	var emails []any
	for _, item := range b.admin.get(t, "/v1/users").is(200).items() {
		emails = append(emails, item["email"])
		require.Equal(t, item["email"] != userEmail, item["email_proven"])
		if item["email"] == "grace@example.com" {
			require.Equal(t, changed.etag(), item["etag"])
		}
	}
	require.ElementsMatch(t, []any{adminEmail, userEmail, "grace@example.com"}, emails)
	missing := "/v1/users/" + uuid.NewString()
	for _, got := range []response{
		b.admin.get(t, missing), b.admin.patch(t, missing, "*", object{"disabled": true}), b.admin.delete(t, missing), b.admin.get(t, missing+"/export"),
		b.admin.post(t, missing+"/unlock", nil), b.admin.delete(t, missing+"/sessions"),
	} {
		got.is(404)
	}
}

// TestCreateUserIsRepeatable: the password is hashed before the transaction of the Idempotency-Key.
func TestCreateUserIsRepeatable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := object{"email": "grace@example.com", "name": "Grace", "password": password}
	first := b.admin.post(t, "/v1/users", body, "Idempotency-Key", "k1").is(201)
	second := b.admin.post(t, "/v1/users", body, "Idempotency-Key", "k1").is(201)
	second.sameAs(first)
	require.Equal(t, "true", second.header.Get("Idempotency-Replayed"))
	body["name"] = "Eve"
	b.admin.post(t, "/v1/users", body, "Idempotency-Key", "k1").is(422, "idempotency_key_reused")
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM platform_idempotency_keys WHERE answer LIKE '%' || $1 || '%'`, password))
}

func TestDisableUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	b.user.get(t, "/v1/me").is(200)
	disabled := b.admin.patch(t, path, "*", object{"disabled": true}).is(200)
	require.NotEmpty(t, disabled.at("disabled_at"))
	b.user.get(t, "/v1/me").is(401)
	b.tryLogin(t, userEmail, password).is(401, "invalid_credentials")
	again := b.admin.patch(t, path, "*", object{"disabled": true}).is(200)
	require.Equal(t, disabled.at("disabled_at"), again.at("disabled_at"))
	b.admin.patch(t, path, "*", object{"disabled": false}).is(200)
	b.user.get(t, "/v1/me").is(401) // ended sessions stay so
	b.login(t, userEmail)
}

func TestUnlockUserAndEndSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.userPath(t, userEmail)
	for range 10 {
		b.tryLogin(t, userEmail, "wrong").is(401, "invalid_credentials")
	}
	b.tryLogin(t, userEmail, password).is(429)
	b.admin.post(t, path+"/unlock", nil).is(204)
	again := b.login(t, userEmail)

	b.admin.delete(t, path+"/sessions").is(204)
	b.user.get(t, "/v1/me").is(401)
	again.get(t, "/v1/me").is(401)
	b.admin.get(t, "/v1/me").is(200)
	events := b.events(t, "platform_audit_events")
	require.Subset(t, events[len(events)-1], object{"action": "end-user-sessions", "object_type": "user", "object_id": idText(path)})
	require.EqualValues(t, 2, events[len(events)-1]["details"].(object)["sessions"])
	require.Equal(t, "unlock-user", events[len(events)-2]["action"])
}

func TestLastOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	acme, other := b.createTenant(t, "acme"), b.createTenant(t, "other")
	ann, ben := b.userPath(t, b.createMember(t, acme, "owner")), b.userPath(t, b.createMember(t, other, "owner"))
	b.addMember(t, other, ann, "owner")
	for _, got := range []response{b.admin.patch(t, ann, "*", object{"disabled": true}), b.admin.delete(t, ann)} {
		require.Contains(t, got.is(409, "last_owner").at("detail"), idText(acme))
		require.NotContains(t, got.at("detail"), idText(other), "it has another owner")
	}
	b.admin.patch(t, ann, "*", object{"name": "Ann"}).is(200)
	b.addMember(t, acme, b.userPath(t, userEmail), "editor")
	b.admin.patch(t, ann, "*", object{"disabled": true}).is(409, "last_owner")
	b.addMember(t, acme, ben, "owner")
	b.admin.patch(t, ann, "*", object{"disabled": true}).is(200)
	b.admin.patch(t, ben, "*", object{"disabled": true}).is(409, "last_owner")
	b.admin.patch(t, ann, "*", object{"disabled": true}).is(200) // as it is

	require.NoError(t, b.users.Disable(t.Context(), "owner@other.example"), "an operator can")
	b.admin.patch(t, ben, "*", object{"disabled": false}).is(200)
	b.exec(t, `UPDATE tenants SET status = 'purging'`)
	b.admin.patch(t, ben, "*", object{"disabled": true}).is(200) // no tenant needs an owner
}

// TestOwnersDisabledAtOnce: of two owners, one stays.
func TestOwnersDisabledAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	second := b.login(t, adminEmail)
	for _, slug := range []string{"a", "b", "c", "d", "e"} {
		tenant, shared := b.createTenant(t, slug), b.createTenant(t, slug+"-shared")
		ann, ben := b.userPath(t, b.createMember(t, tenant, "owner")), b.userPath(t, b.createMember(t, shared, "owner"))
		b.addMember(t, shared, ann, "owner")
		b.addMember(t, tenant, ben, "owner")
		require.Equal(t, map[int]int{200: 1, 409: 1}, concurrently(
			func() response { return b.admin.patch(t, ann, "*", object{"disabled": true}) },
			func() response { return second.patch(t, ben, "*", object{"disabled": true}) },
		))
	}
	require.Equal(t, 5, b.queryInt(t, `SELECT count(DISTINCT u.id) FROM memberships m JOIN portal_users u ON u.id = m.user_id WHERE u.disabled_at IS NULL`))
}

func TestLastAdmin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin, user := b.userPath(t, adminEmail), b.userPath(t, userEmail)
	last := func() {
		for _, got := range []response{
			b.admin.patch(t, admin, "*", object{"disabled": true}), b.admin.patch(t, admin, "*", object{"is_admin": false}), b.admin.delete(t, admin),
		} {
			got.is(409, "last_platform_admin")
		}
	}
	last()
	b.admin.patch(t, user, "*", object{"is_admin": true}).is(200)
	b.user.get(t, "/v1/users").is(200)
	b.admin.patch(t, user, "*", object{"disabled": true}).is(200)
	last() // a disabled admin does not count
	b.admin.patch(t, user, "*", object{"disabled": false}).is(200)
	b.admin.patch(t, admin, "*", object{"is_admin": false}).is(200)
	b.admin.get(t, "/v1/users").is(403)
	require.NoError(t, b.users.Demote(t.Context(), userEmail), "an operator can")
}

// TestAdminsDemotedAtOnce: of two admins who demote each other, one stays.
func TestAdminsDemotedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	admin, user := b.userPath(t, adminEmail), b.userPath(t, userEmail)
	for range 5 {
		b.exec(t, `UPDATE portal_users SET is_admin = true`)
		outcomes := concurrently(
			func() response { return b.admin.patch(t, user, "*", object{"is_admin": false}) },
			func() response { return b.user.patch(t, admin, "*", object{"is_admin": false}) },
		)
		require.Equal(t, 1, outcomes[200], outcomes)
		require.Equal(t, 1, outcomes[409]+outcomes[403], outcomes) // 403 if it came after the first
		require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE is_admin`))
	}
}

// TestEndedSessionDisablesNoOwner: what user_tenants says to a session that has ended is not taken for no tenants.
func TestEndedSessionDisablesNoOwner(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner := b.userPath(t, b.createMember(t, b.createTenant(t, "acme"), "owner"))
	holder := b.beginTx(t, `LOCK TABLE memberships IN ACCESS EXCLUSIVE MODE`)
	outcome := make(chan map[int]int, 1)
	disable := func() response { return b.admin.patch(t, owner, "*", object{"disabled": true}) }
	go func() { outcome <- concurrently(disable) }()
	b.waitForLocks(t, 1, `%FROM user_tenants(%FOR NO KEY UPDATE`)
	b.exec(t, `UPDATE portal_sessions SET revoked_at = now()`)
	require.NoError(t, holder.Rollback(t.Context()))
	require.Equal(t, map[int]int{401: 1}, <-outcome)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE disabled_at IS NOT NULL`))
}

// TestOwnerWhoJoinsIsNotDisabled: also a membership that begins while the admin's request waits makes a last owner.
func TestOwnerWhoJoinsIsNotDisabled(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *testBundle, path string) response{
		"disable": func(b *testBundle, path string) response {
			return b.admin.patch(t, path, "*", object{"disabled": true})
		},
		"erase": func(b *testBundle, path string) response { return b.admin.delete(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			path := b.userPath(t, userEmail)
			_, link := b.admin.invite(t, b.createTenant(t, "acme"), userEmail, "owner")
			holder := b.beginTx(t, `SELECT FROM portal_users WHERE is_admin FOR UPDATE`)
			outcome := make(chan map[int]int, 1)
			go func() { outcome <- concurrently(func() response { return change(b, path) }) }()
			b.waitForLocks(t, 1, `%WHERE is_admin AND disabled_at IS NULL%`)
			b.user.accept(t, link).is(201)
			require.NoError(t, holder.Rollback(t.Context()))
			require.Equal(t, map[int]int{409: 1}, <-outcome)
			b.user.get(t, "/v1/me").is(200)
		})
	}
}

// TestDisablingEndsLinks, which do not work again when the user is enabled.
func TestDisablingEndsLinks(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	link, path := b.forgot(t, userEmail), b.userPath(t, userEmail)
	for _, disabled := range []bool{true, false} {
		b.admin.patch(t, path, "*", object{"disabled": disabled}).is(200)
	}
	b.reset(t, link).is(410, "invalid_link")
	b.login(t, userEmail)
}

// TestWaitingChangesOfFormerAdmins: a request that waits for the change that ends its sender's access is refused.
func TestWaitingChangesOfFormerAdmins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.createUser(t, account.NewUser{Email: grace, Name: "Grace", IsAdmin: true})
	admin, user := b.userPath(t, adminEmail), b.userPath(t, userEmail)
	for what, do := range map[string]func() response{
		"promotes oneself": func() response { return b.user.patch(t, user, "*", object{"is_admin": true}) },
		"demotes another":  func() response { return b.user.patch(t, admin, "*", object{"is_admin": false}) },
	} {
		b.exec(t, `UPDATE portal_users SET is_admin = true`)
		holder := b.beginTx(t, `SELECT FROM portal_users WHERE email = $1 FOR UPDATE`, userEmail)
		demoted, waiting := make(chan map[int]int), make(chan map[int]int)
		demote := func() response { return b.admin.patch(t, user, "*", object{"is_admin": false}) }
		go func() { demoted <- concurrently(demote) }()
		b.waitForLocks(t, 1, `%portal_users%`)
		go func() { waiting <- concurrently(do) }()
		b.waitForLocks(t, 2, `%portal_users%`)
		require.NoError(t, holder.Rollback(t.Context()))
		require.Equal(t, map[int]int{200: 1}, <-demoted, what)
		require.Equal(t, map[int]int{403: 1}, <-waiting, what)
		require.Equal(t, 2, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE is_admin`), what)
	}
}

// TestDemotedWhileHashing: an admin who is demoted while the password of a new user is hashed creates none.
func TestDemotedWhileHashing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `UPDATE portal_users SET is_admin = true`)
	create := func() response {
		return b.user.post(t, "/v1/users", object{"email": grace, "name": "Grace", "password": "correct horse battery", "is_admin": true})
	}
	release, statuses := b.hasher.holdHash(), make(chan map[int]int)
	go func() { statuses <- concurrently(create) }()
	b.hasher.waitForHash(t)
	b.admin.patch(t, b.userPath(t, userEmail), "*", object{"is_admin": false}).is(200)
	release()
	require.Equal(t, map[int]int{403: 1}, <-statuses)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_users WHERE email = $1`, grace))
}

// TestDisabledWhileResetting: the link does not work again once the user is enabled.
func TestDisabledWhileResetting(t *testing.T) {
	t.Parallel()
	b := setup(t, mailing)
	link, path := b.forgot(t, userEmail), b.userPath(t, userEmail)
	release, statuses := b.hasher.holdHash(), make(chan map[int]int)
	reset := func() response { return b.reset(t, link) }
	go func() { statuses <- concurrently(reset) }()
	b.hasher.waitForHash(t)
	for _, disabled := range []bool{true, false} {
		b.admin.patch(t, path, "*", object{"disabled": disabled}).is(200)
	}
	release()
	require.Equal(t, map[int]int{410: 1}, <-statuses)
	b.login(t, userEmail)
}
