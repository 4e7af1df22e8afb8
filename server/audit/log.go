// Package audit records who did what, on which object, when and from where. Events of a tenant are tenant rows under
// row-level security; others are the platform's. The application can only add events.
//
//	err := log.Record(ctx, audit.Event{ActorID: user, Action: "create-agent", ObjectType: "agent", ObjectID: id})
//
// An event is recorded in the transaction of the change: ctx selects it, as pgtenant.Driver.Joining does. A detail is a
// name, a number or a word of the API, never a secret or what a person wrote.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Event is what was done.
type Event struct {
	ActorID uuid.UUID
	// Action is the id of the API's operation.
	Action     string
	ObjectType string
	ObjectID   uuid.UUID
	RequestID  string
	Address    string
	Details    map[string]any
}

// ActionEnter is the action of a platform admin who enters a tenant.
const ActionEnter = "enter-tenant"

// DetailPlatformAdmin marks an event of a platform admin in a tenant, who may lose that role later.
const DetailPlatformAdmin = "platform_admin"

// EnterEvery is how often the entries of a session into a tenant are recorded.
const EnterEvery = 5 * time.Minute

// Log records events. It is safe for concurrent use.
type Log struct {
	db    dialect.ExecQuerier
	clock func() time.Time

	mu      sync.Mutex
	entered map[entry]time.Time
}

type entry struct {
	session uuid.UUID
	tenant  tenancy.ID
}

// maxEntries bounds the memory of recent entries. The database knows the others.
const maxEntries = 10_000

// NewLog uses db, a driver that joins the context's transaction.
func NewLog(db dialect.ExecQuerier, clock func() time.Time) *Log {
	return &Log{db: db, clock: clock, entered: make(map[entry]time.Time)}
}

const columns = `(id, created_at, actor_id, action, object_type, object_id, request_id, address, details)`

// Record adds an event to the log of the context's tenant, or to the platform's.
func (l *Log) Record(ctx context.Context, e Event) error {
	if _, err := tenancy.From(ctx); err != nil {
		return l.RecordPlatform(ctx, e)
	}
	return l.insert(ctx, "audit_events", e)
}

// RecordPlatform adds an event to the platform's log, also in the transaction of a tenant.
func (l *Log) RecordPlatform(ctx context.Context, e Event) error {
	return l.insert(ctx, "platform_audit_events", e)
}

func (l *Log) insert(ctx context.Context, table string, e Event) error {
	args, err := l.values(e)
	if err != nil {
		return err
	}
	_, err = pgtenant.Exec(ctx, l.db,
		`INSERT INTO `+table+` `+columns+` VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, args...)
	if err != nil {
		return fmt.Errorf("record an audit event: %w", err)
	}
	return nil
}

const enter = `INSERT INTO audit_events ` + columns + `
SELECT $1, $2::timestamptz, $3::uuid, $4, $5, $6, $7, $8, $9
WHERE NOT EXISTS (SELECT FROM audit_events
  WHERE tenant_id = $10 AND actor_id = $3::uuid AND action = $4 AND details->>'session_id' = $11
    AND created_at > $2::timestamptz - make_interval(secs => $12) AND created_at <= $2::timestamptz)`

// Enter records that a session enters the context's tenant, unless it was recorded within [EnterEvery]. The event is
// committed when Enter returns, so ctx must have no transaction.
func (l *Log) Enter(ctx context.Context, session uuid.UUID, e Event) error {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return err
	}
	key, now := entry{session, tenant}, l.clock()
	if l.recent(key, now) {
		return nil
	}
	e.Action, e.ObjectType, e.ObjectID = ActionEnter, "tenant", tenant.UUID()
	e.Details = map[string]any{"session_id": session}
	args, err := l.values(e)
	if err != nil {
		return err
	}
	args = append(args, tenant.UUID(), session.String(), EnterEvery.Seconds())
	added, err := pgtenant.Exec(ctx, l.db, enter, args...)
	if err != nil {
		return fmt.Errorf("record the entry into a tenant: %w", err)
	}
	if added > 0 {
		l.remember(key, now)
	}
	return nil
}

func (l *Log) recent(key entry, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, found := l.entered[key]
	age := now.Sub(at)
	return found && age >= 0 && age < EnterEvery
}

func (l *Log) remember(key entry, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entered) >= maxEntries {
		clear(l.entered)
	}
	l.entered[key] = now
}

func (l *Log) values(e Event) ([]any, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("record an audit event: %w", err)
	}
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return nil, fmt.Errorf("record an audit event: %w", err)
	}
	return []any{
		id, l.clock().UTC().Truncate(time.Microsecond), orNull(e.ActorID), e.Action, e.ObjectType, orNull(e.ObjectID),
		e.RequestID, e.Address, string(details),
	}, nil
}

// orNull returns null for the nil UUID.
func orNull(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
