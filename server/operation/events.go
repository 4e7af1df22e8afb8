package operation

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Events reads the audit log of the context's tenant, or the platform's.
type Events struct{ Store }

// Event is an event of an audit log.
type Event struct {
	ID         uuid.UUID
	CreatedAt  time.Time
	Actor      *Actor // nil for the operator's command line
	Action     string
	ObjectType string
	ObjectID   *uuid.UUID
	RequestID  string
	Address    string
	Details    json.RawMessage
}

// Actor is the user who did it, as the user is now. An erased user has a placeholder's name and address.
type Actor struct {
	ID          uuid.UUID
	Name, Email string
	IsAdmin     bool // a platform admin, now or when it was done
	IsMember    bool // of the tenant
}

// EventFilter selects events. A zero field selects all.
type EventFilter struct {
	ActorID    uuid.UUID
	Action     string
	ObjectType string
	ObjectID   uuid.UUID
	From       time.Time // inclusive
	To         time.Time // exclusive
}

// newestFirst is the sort of events and invitations.
const newestFirst = "-created_at"

//nolint:gochecknoglobals // a constant
var eventList = listing[Event]{
	name:  "audit-events",
	sorts: []sorting[Event]{byCreation[Event]()},
	measure: func(e Event) (uuid.UUID, int) {
		size := len(e.Action) + len(e.ObjectType) + len(e.RequestID) + len(e.Address) + len(e.Details)
		if e.Actor != nil {
			size += len(e.Actor.Name) + len(e.Actor.Email)
		}
		return e.ID, size
	},
}

// List returns a page of events, the newest first, or [ErrCursor].
func (e *Events) List(ctx context.Context, page Page, f EventFilter) (List[Event], error) {
	page.Sort = newestFirst
	return listRows(ctx, e.DB, e.Pages, &eventList, page, selectEvents(ctx), scanEvent,
		equal("actor_id", f.ActorID), equal("action", f.Action), equal("object_type", f.ObjectType),
		equal("object_id", f.ObjectID), since("created_at", f.From), before("created_at", f.To))
}

// byPlatformAdmin is true for events of a user who is a platform admin, or was one then.
const byPlatformAdmin = `coalesce(u.is_admin, false) OR e.action = '` + audit.ActionEnter + `'
  OR jsonb_exists(e.details, '` + audit.DetailPlatformAdmin + `')`

// selectEvents selects what scanEvent scans. A platform admin need not be a member of the tenant.
func selectEvents(ctx context.Context) *entsql.Selector {
	build := entsql.Dialect(dialect.Postgres)
	user, member := build.Table("portal_users").As("u"), build.Table("memberships").As("m")
	table, isMember := "audit_events", "m.id IS NOT NULL"
	_, err := tenancy.From(ctx)
	if err != nil {
		table, isMember = "platform_audit_events", "false"
	}
	event := build.Table(table).As("e")
	s := build.Select(event.Columns(
		"id", "created_at", "action", "object_type", "object_id", "request_id", "address", "details", "actor_id",
	)...).From(event)
	s.AppendSelect(user.Columns("name", "email")...)
	s.AppendSelectExpr(entsql.Raw(byPlatformAdmin), entsql.Raw(isMember))
	s.LeftJoin(user).On(user.C("id"), event.C("actor_id"))
	if err == nil {
		s.LeftJoin(member).OnP(entsql.And(
			entsql.ColumnsEQ(member.C("tenant_id"), event.C("tenant_id")),
			entsql.ColumnsEQ(member.C("user_id"), event.C("actor_id")),
		))
	}
	return s
}

func scanEvent(row pgtenant.Row) (Event, error) {
	var (
		e             Event
		object, actor uuid.NullUUID
		name, email   sql.NullString
		admin         sql.NullBool
		member        bool
		details       []byte
	)
	err := row.Scan(&e.ID, &e.CreatedAt, &e.Action, &e.ObjectType, &object, &e.RequestID, &e.Address, &details, &actor,
		&name, &email, &admin, &member)
	if err != nil {
		return Event{}, err
	}
	e.Details = details
	if object.Valid {
		e.ObjectID = &object.UUID
	}
	if actor.Valid {
		e.Actor = &Actor{
			ID: actor.UUID, Name: name.String, Email: email.String, IsAdmin: admin.Bool, IsMember: member,
		}
	}
	return e, nil
}
