// Package schema is the schema of the plain client.
package schema

import (
	"slices"

	"entgo.io/ent"

	"github.com/konstruct/konstruct/ent/schema"
	"github.com/konstruct/konstruct/ent/schema/mixin"
)

// Agent has the columns of the product's agents. Its tenant is an ordinary column: no mixin confines the client.
type Agent struct{ ent.Schema }

// Fields implements [ent.Interface].
func (Agent) Fields() []ent.Field {
	return slices.Concat(mixin.ID{}.Fields(), mixin.Tenant{}.Fields(), mixin.Time{}.Fields(), schema.Agent{}.Fields())
}
