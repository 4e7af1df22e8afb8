package server_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/token"
)

// TestMailOfUsers: links for one user and notices, which the outbox has by ids.
func TestMailOfUsers(t *testing.T) {
	t.Parallel()
	office := &post{}
	b := setup(t, office.options)
	me := b.user.get(t, "/v1/me").at("user", "id").(string)
	for kind, tt := range map[string]struct{ email, page string }{
		"password_reset": {userEmail, "reset"}, "confirm_email": {"new@example.com", "confirm"},
	} {
		id := uuid.NewString()
		b.exec(t, `INSERT INTO portal_links (id, user_id, kind, email, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			id, me, kind, tt.email, b.clock().Add(time.Hour))
		b.queue(t, kind, nil, id, "")
	}
	notice := b.queue(t, "email_changed", nil, me, "old@example.com")
	b.queue(t, "password_changed", nil, b.admin.get(t, "/v1/me").at("user", "id").(string), "")
	_, stop, _ := b.serve(t)
	defer stop()

	page, link := linkIn(t, office.to(t, userEmail, 1))
	require.Equal(t, "reset", page)
	hash, ok := token.Hash(token.Link, link)
	require.True(t, ok)
	require.Equal(t, 1, b.queryInt(t, `SELECT count(*) FROM portal_links WHERE token_hash = $1 AND kind = 'password_reset'`, hash))
	page, _ = linkIn(t, office.to(t, "new@example.com", 1))
	require.Equal(t, "confirm", page)
	require.Contains(t, office.to(t, "old@example.com", 1).Text, "Hello Uma")
	office.to(t, adminEmail, 1)
	require.Subset(t, b.ended(t, notice), object{"address": "", "reason": "", "attempts": 1.0})
}

// TestObsoleteMail is not sent, and changes no link.
func TestObsoleteMail(t *testing.T) {
	t.Parallel()
	office := &post{}
	b := setup(t, office.options)
	me := b.user.get(t, "/v1/me").at("user", "id").(string)
	erased := b.hire(t, b.createTenant(t, "erased"), "viewer").id
	b.exec(t, `UPDATE portal_users SET erased_at = now() WHERE id = $1`, erased)
	var ids []string
	for change, set := range map[string]string{
		"revoked": `revoked_at = now()`, "used": `accepted_at = now()`, "expired": `expires_at = '` + b.clock().Format(time.RFC3339) + `'`,
		"suspended": "", "purging": "",
	} {
		tenant := b.createTenant(t, change)
		path := b.admin.post(t, tenant+"/invitations", object{"email": grace, "role": "editor"}).is(201).header.Get("Location")
		if set != "" {
			b.exec(t, `UPDATE invitations SET `+set+` WHERE id = $1`, idText(path))
		} else {
			b.exec(t, `UPDATE tenants SET status = $2 WHERE id = $1`, idText(tenant), change)
		}
	}
	for set, user := range map[string]string{`used_at = now()`: me, `expires_at = '2020-01-01'`: me, `used_at = NULL`: erased} {
		link := uuid.NewString()
		b.exec(t, `INSERT INTO portal_links (id, user_id, kind, email, expires_at) VALUES ($1, $2, 'password_reset', $3, $4)`,
			link, user, userEmail, b.clock().Add(time.Hour))
		b.exec(t, `UPDATE portal_links SET `+set+` WHERE id = $1`, link)
		ids = append(ids, b.queue(t, "password_reset", nil, link, ""))
	}
	ids = append(ids,
		b.queue(t, "password_changed", nil, erased, ""), b.queue(t, "email_changed", nil, erased, "old@example.com"),
		b.queue(t, "invitation", uuid.NewString(), uuid.NewString(), ""), b.queue(t, "password_reset", nil, uuid.NewString(), ""))
	_, stop, _ := b.serve(t)
	defer stop()
	for _, id := range ids {
		require.Equal(t, "obsolete", b.ended(t, id)["reason"])
	}
	require.Eventually(t, func() bool {
		return b.queryInt(t, `SELECT count(*) FROM mail_outbox WHERE reason = 'obsolete'`) == len(ids)+5
	}, 20*time.Second, 5*time.Millisecond)
	require.Empty(t, office.messages)
	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM portal_links WHERE token_hash IS NOT NULL`))
}
