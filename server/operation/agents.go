package operation

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// Agents manages the agents of the context's tenant.
type Agents struct{ Store }

// AgentFields are the writable fields of an agent. A nil field keeps its value, or gets its default.
type AgentFields struct {
	Name            *string
	Role            *string
	Persona         *string
	SystemPrompt    *string
	ModelPreference *string
	ToolAssignments []json.RawMessage
	EscalationRules []json.RawMessage
	IsActive        *bool
}

// AgentFilter selects agents. A nil field selects all.
type AgentFilter struct{ IsActive *bool }

// agentList sorts and searches agents by what a page of them shows.
//
//nolint:gochecknoglobals // a constant
var agentList = listing[*ent.Agent]{
	name: "agents",
	sorts: []sorting[*ent.Agent]{
		byCreation[*ent.Agent](),
		byText(agent.FieldName, func(row *ent.Agent) string { return row.Name }),
		byTime(agent.FieldUpdatedAt, func(row *ent.Agent) time.Time { return row.UpdatedAt }),
	},
	search: []string{agent.FieldName, agent.FieldRole},
	measure: func(row *ent.Agent) (uuid.UUID, int) {
		return row.ID, len(row.Name) + len(row.Role) + len(row.ModelPreference)
	},
}

// List returns a page of agents without prompts, tools and rules, or [ErrCursor].
func (a *Agents) List(ctx context.Context, page Page, f AgentFilter) (List[*ent.Agent], error) {
	query := a.Client.Agent.Query()
	query.Select(
		agent.FieldID, agent.FieldTenantID, agent.FieldName, agent.FieldRole, agent.FieldModelPreference,
		agent.FieldIsActive, agent.FieldCreatedAt, agent.FieldUpdatedAt,
	)
	return list(ctx, a.Pages, &agentList, page, query, equalTo(agent.FieldIsActive, f.IsActive))
}

// Create creates an agent. The name is required. Returns [ErrInvalid], [ErrLimit], or [ErrNotFound] if the tenant was
// deleted.
func (a *Agents) Create(ctx context.Context, f AgentFields) (row *ent.Agent, err error) {
	err = pgtenant.InTx(ctx, a.Client.Tx, func(ctx context.Context, tx *ent.Tx) error {
		if err := a.checkLimit(ctx, MaxAgents, tx.Agent.Query().Count); err != nil {
			return err
		}
		create := tx.Agent.Create()
		f.set(create.Mutation())
		row, err = create.Save(ctx)
		return translate("create an agent", err)
	})
	return row, err
}

// Duplicate creates an inactive copy of an agent, with a name or, if it is "", with its name and " (copy)". Returns
// [ErrNotFound] or [ErrLimit].
func (a *Agents) Duplicate(ctx context.Context, id uuid.UUID, name string) (*ent.Agent, error) {
	row, err := a.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = firstCharacters(row.Name, maxAgentName-len(copySuffix)) + copySuffix
	}
	inactive := false
	return a.Create(ctx, AgentFields{
		Name: &name, Role: &row.Role, Persona: &row.Persona, SystemPrompt: &row.SystemPrompt,
		ModelPreference: &row.ModelPreference, ToolAssignments: row.ToolAssignments,
		EscalationRules: row.EscalationRules, IsActive: &inactive,
	})
}

// maxAgentName is the maximum length of a name in the API, in characters.
const maxAgentName = 200

const copySuffix = " (copy)"

// Get returns an agent, or [ErrNotFound].
func (a *Agents) Get(ctx context.Context, id uuid.UUID) (*ent.Agent, error) {
	row, err := a.Client.Agent.Get(ctx, id)
	return row, translate("get an agent", err)
}

// Update updates an agent, unless f is empty, and returns it. Returns [ErrNotFound], [ErrStale] or [ErrInvalid].
func (a *Agents) Update(ctx context.Context, id uuid.UUID, match Match, f AgentFields) (*ent.Agent, error) {
	if reflect.ValueOf(f).IsZero() {
		row, err := a.Get(ctx, id)
		if err == nil && !match.has(row.UpdatedAt) {
			return nil, ErrStale
		}
		return row, err
	}
	update := a.Client.Agent.UpdateOneID(id).SetUpdatedAt(match.next(a.Clock()))
	f.set(update.Mutation())
	return save(ctx, id, match, update, a.Client.Agent.Query())
}

// Delete deletes an agent. Returns [ErrNotFound] or [ErrStale].
func (a *Agents) Delete(ctx context.Context, id uuid.UUID, match Match) error {
	return remove(ctx, id, match, a.Client.Agent.Delete(), a.Client.Agent.Query())
}

func (f AgentFields) set(m *ent.AgentMutation) {
	given(f.Name, m.SetName)
	given(f.Role, m.SetRole)
	given(f.Persona, m.SetPersona)
	given(f.SystemPrompt, m.SetSystemPrompt)
	given(f.ModelPreference, m.SetModelPreference)
	given(f.IsActive, m.SetIsActive)
	if f.ToolAssignments != nil {
		m.SetToolAssignments(f.ToolAssignments)
	}
	if f.EscalationRules != nil {
		m.SetEscalationRules(f.EscalationRules)
	}
}

// given sets a field unless the value is nil.
func given[T any](value *T, set func(T)) {
	if value != nil {
		set(*value)
	}
}
