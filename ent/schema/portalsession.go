package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// PortalSession is a login. Only the SHA-256 of its token is stored.
type PortalSession struct{ ent.Schema }

// Annotations implements [ent.Interface].
func (PortalSession) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Checks(map[string]string{
			"portal_sessions_token_hash_form": hashForm,
			"portal_sessions_ends_later":      "expires_at > created_at",
		}),
	}
}

// Fields implements [ent.Interface].
func (PortalSession) Fields() []ent.Field {
	return []ent.Field{
		// SHA-256 of the token, 64 hexadecimal digits.
		field.Text("id").StorageKey("token_hash").NotEmpty().Immutable().Sensitive(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Time("created_at").Default(utcNow).Immutable().Annotations(entsql.DefaultExpr("now()")),
		field.Time("last_seen_at").Default(utcNow).Annotations(entsql.DefaultExpr("now()")),
		field.Time("expires_at").Immutable(),
		field.Time("revoked_at").Optional().Nillable(),
		// What the user sees of the session. The token's hash is not shown.
		field.UUID("session_id", uuid.UUID{}).Default(newID).Unique().Immutable().
			Annotations(entsql.DefaultExpr("gen_random_uuid()")),
		field.Text("user_agent").Default("").Immutable(),
		field.Text("address").Default("").Immutable(),
	}
}

// Edges implements [ent.Interface].
func (PortalSession) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", PortalUser.Type).Ref("sessions").Field("user_id").Unique().Required().Immutable(),
	}
}

// Indexes implements [ent.Interface]: by user, to end all of a user's sessions; by expiry, to sweep.
func (PortalSession) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("user_id"),
		index.Fields("expires_at"),
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func utcNow() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
