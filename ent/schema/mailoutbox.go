package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// MailOutbox is a message to be mailed. It has ids only; the text and its link are made when it is sent.
type MailOutbox struct{ ent.Schema }

// Mixin implements [ent.Interface].
func (MailOutbox) Mixin() []ent.Mixin { return []ent.Mixin{mixin.ID{}} }

// Annotations implements [ent.Interface].
func (MailOutbox) Annotations() []schema.Annotation {
	return []schema.Annotation{
		entsql.Annotation{Table: "mail_outbox"},
		entsql.Checks(map[string]string{
			"mail_outbox_kind_known": "kind IN ('invitation', 'password_reset', 'confirm_email', " +
				"'email_changed', 'password_changed')",
			"mail_outbox_ends_once": "sent_at IS NULL OR gave_up_at IS NULL",
		}),
	}
}

// Fields implements [ent.Interface].
func (MailOutbox) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(utcNow).Immutable().Annotations(entsql.DefaultExpr("now()")),
		field.Enum("kind").Values("invitation", "password_reset", "confirm_email", "email_changed", "password_changed").
			SchemaType(textColumn()).Immutable(),
		// What the message is about: an invitation and the tenant that it belongs to, a link, or a user.
		field.UUID("about_tenant_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("subject_id", uuid.UUID{}).Immutable(),
		// Of a notice to an address that the user no longer has. Otherwise empty.
		field.Text("address").Default("").Sensitive(),
		field.Int("attempts").Default(0),
		field.Time("not_before").Default(utcNow).Annotations(entsql.DefaultExpr("now()")),
		field.Time("sent_at").Optional().Nillable(),
		field.Time("gave_up_at").Optional().Nillable(),
		field.Text("reason").Default(""),
	}
}

// Indexes implements [ent.Interface]: for the messages that are due, and for expiry.
func (MailOutbox) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("not_before").Annotations(entsql.IndexWhere("sent_at IS NULL AND gave_up_at IS NULL")),
		index.Fields("created_at"),
	}
}
