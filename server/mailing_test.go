package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/mail"
)

// post is a mail server that keeps messages, or returns the error for a recipient.
type post struct {
	mu       sync.Mutex
	messages []mail.Message
	refuse   func(to string) error
}

func (p *post) Send(_ context.Context, m mail.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		if err := p.refuse(m.To); err != nil {
			return err
		}
	}
	p.messages = append(p.messages, m)
	return nil
}

// to waits for the n-th message to an address.
func (p *post) to(t *testing.T, address string, n int) (found mail.Message) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		seen := 0
		for _, m := range p.messages {
			if m.To == address {
				seen++
				found = m
			}
		}
		return seen == n
	}, 20*time.Second, 5*time.Millisecond)
	return found
}

func (p *post) options(o *server.Options) {
	portal, _ := url.Parse("https://portal.example.com/base")
	o.Mail = server.MailOptions{Sender: p, From: "Konstruct <noreply@example.com>", Portal: portal}
}

var linkInText = regexp.MustCompile(`(?m)^https://portal\.example\.com/base/(\w+)#token=(klt_\S+)$`)

func linkIn(t *testing.T, m mail.Message) (page, link string) {
	t.Helper()
	found := linkInText.FindStringSubmatch(m.Text)
	require.NotNil(t, found, m.Text)
	return found[1], found[2]
}

// queue adds a message to the outbox, and wakes no worker.
func (b *testBundle) queue(t *testing.T, kind string, tenant any, subject, address string) (id string) {
	t.Helper()
	id = uuid.NewString()
	b.exec(t, `INSERT INTO mail_outbox (id, created_at, not_before, kind, about_tenant_id, subject_id, address)
		VALUES ($1, $2::timestamptz, $2, $3, $4, $5, $6)`, id, b.clock(), kind, tenant, subject, address)
	return id
}

func (b *testBundle) outboxRow(t *testing.T, id string) (row object) {
	t.Helper()
	err := b.super.QueryRow(t.Context(), `SELECT to_jsonb(o) || jsonb_build_object('wait',
		round(extract(epoch FROM not_before - $2))) FROM mail_outbox o WHERE id = $1`, id, b.clock()).Scan(&row)
	require.NoError(t, err)
	return row
}

// ended waits until a message was sent or given up.
func (b *testBundle) ended(t *testing.T, id string) (row object) {
	t.Helper()
	require.Eventually(t, func() bool {
		row = b.outboxRow(t, id)
		return row["sent_at"] != nil || row["gave_up_at"] != nil
	}, 20*time.Second, 5*time.Millisecond)
	return row
}

func TestInvitationsAreMailed(t *testing.T) {
	t.Parallel()
	office := &post{}
	b := setup(t, office.options)
	_, stop, _ := b.serve(t)
	defer stop()
	acme := b.createTenant(t, "acme")
	owner := b.hire(t, acme, "owner")

	made := owner.post(t, acme+"/invitations", object{"email": grace, "role": "editor"}, "Idempotency-Key", "k").is(201)
	require.NotContains(t, made.body, "klt_")
	require.NotContains(t, made.json(), "link")
	path := made.header.Get("Location")
	message := office.to(t, grace, 1)
	require.Equal(t, "Konstruct <noreply@example.com>", message.From)
	require.Contains(t, message.Text, `Name of owner invites you to join "acme"`)
	page, link := linkIn(t, message)
	require.Equal(t, "invitation", page)
	b.lookUp(t, link).is(200)

	// A new link ends the former one, when it is asked for.
	require.NotContains(t, owner.post(t, path+"/resend", nil).is(200).body, "klt_")
	_, fresh := linkIn(t, office.to(t, grace, 2))
	b.lookUp(t, link).sameAs(b.lookUp(t, unknownToken))
	b.accept(t, fresh).is(201)
	require.Zero(t, b.unproven(t, grace), "a mailed link proves the address")
	_, _, details := b.event(t, acme, "accept-invitation")
	require.Equal(t, object{"role": "editor", "mailed": true}, details)

	require.Zero(t, b.queryInt(t, `SELECT count(*) FROM mail_outbox o WHERE to_jsonb(o)::text LIKE '%klt_%'
		OR to_jsonb(o)::text LIKE '%grace%'`), "only ids")
	require.NotContains(t, b.logs.String(), "klt_")
	require.NotContains(t, b.logs.String(), grace)
}

func TestMailsToOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t, (&post{}).options) // no worker runs
	acme := b.createTenant(t, "acme")
	made := b.admin.post(t, acme+"/invitations", object{"email": grace, "role": "editor"}).is(201)
	path := made.header.Get("Location")
	for range 8 {
		b.admin.post(t, path+"/resend", nil).is(200)
	}
	b.admin.delete(t, path).is(204)
	path = b.admin.post(t, acme+"/invitations", object{"email": grace, "role": "editor"}).is(201).header.Get("Location")
	b.admin.post(t, path+"/resend", nil).is(409, "limit_reached")
	b.admin.post(t, acme+"/invitations", object{"email": "other@example.com", "role": "editor"}).is(201)
	b.exec(t, `UPDATE mail_outbox SET created_at = created_at - interval '1 day'`)
	b.admin.post(t, path+"/resend", nil).is(200)
}

// TestTwoWorkers: two servers with one outbox send each message once.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	const messages = 60
	office := &post{}
	b := setup(t, office.options)
	me := b.user.get(t, "/v1/me").at("user", "id").(string)
	var ids []string
	for i := range messages {
		ids = append(ids, b.queue(t, "email_changed", nil, me, fmt.Sprintf("a%d@example.com", i)))
	}
	_, stop, _ := b.serve(t)
	defer stop()
	b.restart(t)
	_, stopOther, _ := b.serve(t)
	defer stopOther()
	for i, id := range ids {
		require.NotNil(t, b.ended(t, id)["sent_at"])
		office.to(t, fmt.Sprintf("a%d@example.com", i), 1)
	}
	require.Len(t, office.messages, messages)
	require.Equal(t, messages, b.queryInt(t, `SELECT sum(attempts) FROM mail_outbox`))
}

func TestFailedMail(t *testing.T) {
	t.Parallel()
	refusals := map[string]error{
		"transient@example.com": errors.New("mail: the server is away"),
		"permanent@example.com": fmt.Errorf("%w: status 550", mail.ErrPermanent),
	}
	office := &post{refuse: func(to string) error { return refusals[to] }}
	b := setup(t, office.options)
	me := b.user.get(t, "/v1/me").at("user", "id").(string)
	permanent := b.queue(t, "email_changed", nil, me, "permanent@example.com")
	transient := b.queue(t, "email_changed", nil, me, "transient@example.com")
	_, stop, _ := b.serve(t)
	defer stop()
	row := b.ended(t, permanent)
	require.Equal(t, []any{"rejected", nil, ""}, []any{row["reason"], row["sent_at"], row["address"]})

	acme := b.createTenant(t, "acme")
	for attempt, wait := range []float64{60, 300} {
		require.Eventually(t, func() bool {
			row := b.outboxRow(t, transient)
			return row["attempts"] == float64(attempt+1) && row["reason"] == "unreachable" && row["wait"] == wait
		}, 20*time.Second, 5*time.Millisecond)
		if attempt == 1 {
			office.mu.Lock()
			delete(refusals, "transient@example.com")
			office.mu.Unlock()
		}
		b.exec(t, `UPDATE mail_outbox SET reason = '' WHERE id = $1`, transient) // to see the next one
		b.advance(time.Duration(wait) * time.Second)
		b.admin.post(t, acme+"/invitations", object{"email": fmt.Sprintf("a%d@example.com", attempt), "role": "viewer"}).is(201) // wakes it
	}
	row = b.ended(t, transient)
	require.NotNil(t, row["sent_at"])
	require.Equal(t, []any{"", "", 3.0}, []any{row["reason"], row["address"], row["attempts"]})
	require.NotContains(t, b.logs.String(), "transient@example.com")
}

// TestMailWaitsForIsolation: while isolation is not proven, no tenant's data is mailed.
func TestMailWaitsForIsolation(t *testing.T) {
	t.Parallel()
	office := &post{}
	b := setup(t, office.options)
	acme := b.createTenant(t, "acme")
	first := b.queue(t, "password_changed", nil, uuid.NewString(), "")
	_, stop, _ := b.serve(t)
	defer stop()
	b.ended(t, first) // the worker runs
	b.checkIsolation(t, errorFinding())
	id := b.queue(t, "invitation", idText(acme), uuid.NewString(), "")
	b.anyone.post(t, "/v1/auth/password/forgot", object{"email": "user@example.com"}).is(202) // wakes it
	require.Eventually(t, func() bool { return b.outboxRow(t, id)["reason"] == "unreachable" }, 20*time.Second, 5*time.Millisecond)
	b.checkIsolation(t, nil)
	b.advance(time.Minute)
	b.admin.post(t, acme+"/invitations", object{"email": "a@example.com", "role": "viewer"}).is(201) // wakes it
	require.Equal(t, "obsolete", b.ended(t, id)["reason"])
}
