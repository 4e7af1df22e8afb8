package sweep

import "time"

// Class is a table whose rows are deleted after a while.
type Class struct {
	// Table is the name of the table.
	Table string
	// Days are how long a row is kept after the event that After names.
	Days  int
	After string
	// By is what deletes the rows.
	By string

	// ofTenant says that the rows are a tenant's, and are deleted under its context.
	ofTenant bool
	// statement deletes at most $2 rows whose event was before $1; of a tenant, $3. Locked rows are skipped: they are
	// in use, or another process deletes them.
	statement string
	// function deletes at most $1 rows and returns their number. The application may not delete them itself.
	function string
}

const (
	bySweeper  = "sweeper"
	byFunction = "sweeper, by `expire_audit_events`"
	byPlatform = "sweeper, by `expire_platform_audit_events`"
)

// Retention returns the classes, as docs/operations.md lists them.
func Retention() []Class {
	return []Class{
		{
			Table: "portal_sessions", Days: 1, After: "the session's end", By: bySweeper,
			statement: `DELETE FROM portal_sessions WHERE token_hash IN (SELECT token_hash FROM portal_sessions
				WHERE expires_at < $1::timestamptz OR last_seen_at < $1::timestamptz - interval '12 hours'
				LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "login_attempts", Days: 0, After: "the window's end", By: bySweeper,
			statement: `DELETE FROM login_attempts WHERE key IN (SELECT key FROM login_attempts
				WHERE window_ends < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "portal_links", Days: 7, After: "expiry", By: bySweeper,
			statement: `DELETE FROM portal_links WHERE id IN (SELECT id FROM portal_links
				WHERE expires_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "mail_outbox", Days: 7, After: "the message was sent or given up", By: bySweeper,
			statement: `DELETE FROM mail_outbox WHERE id IN (SELECT id FROM mail_outbox
				WHERE coalesce(sent_at, gave_up_at) < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "platform_idempotency_keys", Days: 1, After: "the request", By: bySweeper,
			statement: `DELETE FROM platform_idempotency_keys WHERE id IN (SELECT id FROM platform_idempotency_keys
				WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "platform_audit_events", Days: 365, After: "the event", By: byPlatform,
			function: `SELECT expire_platform_audit_events($1)`,
		},
		{
			Table: "tenant_purges", Days: 90, After: "the purge finished", By: bySweeper,
			statement: `DELETE FROM tenant_purges WHERE id IN (SELECT id FROM tenant_purges
				WHERE finished_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "idempotency_keys", Days: 1, After: "the request", By: bySweeper, ofTenant: true,
			statement: `DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys
				WHERE tenant_id = $3 AND created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "invitations", Days: 30, After: "acceptance, revocation or expiry", By: bySweeper, ofTenant: true,
			statement: `DELETE FROM invitations WHERE id IN (SELECT id FROM invitations
				WHERE tenant_id = $3 AND coalesce(accepted_at, revoked_at, expires_at) < $1
				LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		},
		{
			Table: "audit_events", Days: 365, After: "the event", By: byFunction, ofTenant: true,
			function: `SELECT expire_audit_events($1)`,
		},
	}
}

func (c Class) kept() time.Duration { return time.Duration(c.Days) * 24 * time.Hour }
