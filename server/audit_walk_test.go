package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
)

// unaudited are the operations without an event, and why.
var unaudited = map[string]string{
	"look-up-invitation":  "it reads",
	"receive-slack-event": "the message is handed on; no row changes",
}

// TestEveryMutationIsAudited performs each operation that changes something. Without its event nothing changes, with it
// the event names the actor, the object and the request, and no secret is in the logs or the tables kept beside the data.
func TestEveryMutationIsAudited(t *testing.T) {
	t.Parallel()
	w := newWalk(t)
	mutations, performed := w.mutations(t), 0
	operations(t, func(method, path string, op *openapi3.Operation) {
		if method == http.MethodGet || unaudited[op.OperationID] != "" {
			return
		}
		prepare := mutations[op.OperationID]
		require.NotNil(t, prepare, "%s %s: add it to the mutations of the walk", method, path)
		performed++
		m := prepare()
		w.secrets = append(w.secrets, w.storedHashes(t)...)
		w.requireAtomic(t, method, op.OperationID, m)
		w.perform(t, method, op.OperationID, m)
	})
	require.Equal(t, len(mutations), performed, "operations that no longer exist")
	w.requireNoSecrets(t)
}

// TestLinksAreNotKept: without mail, the answer has the link, and nothing else does.
func TestLinksAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWalk(t)
	w.restart(t, func(o *server.Options) { o.Mail = server.MailOptions{} })
	made := w.owner.keyed(t, "k", w.tenant+"/invitations", object{"email": grace, "role": "viewer"}).is(201)
	sent := w.owner.post(t, made.header.Get("Location")+"/resend", nil).is(200)
	for _, got := range []response{made, sent} {
		w.secrets = append(w.secrets, got.at("token").(string))
		w.secrets = append(w.secrets, w.storedHashes(t)...)
	}
	require.Len(t, w.events(t, "idempotency_keys"), 1)
	w.requireNoSecrets(t)
}

// walk is a tenant with an owner, and the secrets that the requests had or made.
type walk struct {
	*testBundle

	tenant  string
	owner   person
	secrets []string
	last    response
}

func newWalk(t *testing.T) *walk {
	t.Helper()
	w := &walk{testBundle: setup(t, mailing), secrets: []string{password, newPassword, botToken}}
	w.tenant = w.createTenant(t, "acme")
	w.owner = w.hire(t, w.tenant, "owner")
	w.admin.get(t, w.tenant).is(200) // the entry is recorded
	w.secrets = append(w.secrets, w.admin.token, w.user.token)
	return w
}

// requireAtomic performs a mutation whose event cannot be recorded: it fails and changes no row.
func (w *walk) requireAtomic(t *testing.T, method, operation string, m mutation) {
	t.Helper()
	w.exec(t, `REVOKE INSERT ON audit_events, platform_audit_events FROM konstruct_app`)
	before := w.rowsText(t, `relname <> 'login_attempts'`)
	w.admit(m)
	m.by.do(t, method, m.path, m.body, m.header...).is(500)
	require.Equal(t, before, w.rowsText(t, `relname <> 'login_attempts'`), operation)
	w.exec(t, `GRANT INSERT ON audit_events, platform_audit_events TO konstruct_app`)
}

// admit adds the secrets of a request.
func (w *walk) admit(m mutation) {
	if m.by.token != "" {
		w.secrets = append(w.secrets, m.by.token)
	}
	if body, ok := m.body.(object); ok && body["token"] != nil {
		w.secrets = append(w.secrets, body["token"].(string))
	}
}

func (w *walk) perform(t *testing.T, method, operation string, m mutation) {
	t.Helper()
	table := "audit_events"
	if m.platform {
		table = "platform_audit_events"
	}
	request := uuid.NewString()
	header := append([]string{"X-Request-Id", request, "Idempotency-Key", request}, m.header...)
	w.last = m.by.do(t, method, m.path, m.body, header...)
	require.Less(t, w.last.status, 300, w.last)
	w.secrets = append(w.secrets, w.storedHashes(t)...)

	found := w.rowsOf(t, table, `request_id = $1 AND action = $2`, request, operation)
	require.Len(t, found, 1, operation)
	if operation == "login" {
		m.id = w.queryTexts(t, `SELECT session_id::text FROM portal_sessions ORDER BY created_at DESC, session_id DESC LIMIT 1`)[0]
	}
	if m.id == "" {
		m.id = w.last.at("id").(string)
	}
	require.Subset(t, found[0], object{"actor_id": m.actor, "object_type": m.kind, "object_id": m.id, "address": "192.0.2.1"})
	if !m.platform {
		require.Equal(t, idText(w.tenant), found[0]["tenant_id"])
	}
}

// rowsText returns all rows of the tables that match a condition on pg_class.
func (w *walk) rowsText(t *testing.T, condition string) (text string) {
	t.Helper()
	require.NoError(t, w.super.QueryRow(t.Context(), `
		SELECT string_agg(table_to_xml(oid::regclass, true, false, '')::text, '' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND `+condition).Scan(&text))
	return text
}

// storedHashes returns the hashes of passwords and tokens in the database.
func (w *walk) storedHashes(t *testing.T) []string {
	t.Helper()
	return w.queryTexts(t, `SELECT hashed_password FROM portal_users
		UNION SELECT token_hash FROM portal_sessions UNION SELECT token_hash FROM invitations WHERE token_hash IS NOT NULL
		UNION SELECT token_hash FROM portal_links WHERE token_hash IS NOT NULL`)
}

func (w *walk) requireNoSecrets(t *testing.T) {
	t.Helper()
	kept := w.rowsText(t, `relname IN ('audit_events', 'platform_audit_events', 'idempotency_keys', 'platform_idempotency_keys', 'mail_outbox')`)
	require.Contains(t, kept, w.owner.id, "the rows were read")
	require.Greater(t, len(w.secrets), 8)
	for place, text := range map[string]string{"rows": kept, "log": w.logs.String()} {
		for _, secret := range append(w.secrets, "kst_", "klt_", "$argon2") {
			require.NotEmpty(t, secret)
			require.Zero(t, strings.Count(text, secret), "%s have %.12s…", place, secret)
		}
	}
}
