package operation

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
)

// Agents manages the agents of the context's tenant.
type Agents struct {
	client *ent.Client
	pages  Pages
	clock  func() time.Time
}

// NewAgents uses client, which must run on a pgtenant driver.
func NewAgents(client *ent.Client, pages Pages, clock func() time.Time) *Agents {
	return &Agents{client: client, pages: pages, clock: clock}
}

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

// List returns a page of agents without prompts, tools and rules, or [ErrCursor].
func (a *Agents) List(ctx context.Context, page Page) (List[*ent.Agent], error) {
	query := a.client.Agent.Query().Order(agent.ByID())
	query.Select(
		agent.FieldID, agent.FieldTenantID, agent.FieldName, agent.FieldRole, agent.FieldModelPreference,
		agent.FieldIsActive, agent.FieldCreatedAt, agent.FieldUpdatedAt,
	)
	return list(ctx, a.pages, "agents", page, query, func(row *ent.Agent) (uuid.UUID, int) {
		return row.ID, len(row.Name) + len(row.Role) + len(row.ModelPreference)
	})
}

// Create creates an agent. The name is required. Returns [ErrInvalid], or [ErrNotFound] if the tenant was deleted.
func (a *Agents) Create(ctx context.Context, f AgentFields) (*ent.Agent, error) {
	create := a.client.Agent.Create().
		SetName(value(f.Name)).SetNillableRole(f.Role).SetNillablePersona(f.Persona).
		SetNillableSystemPrompt(f.SystemPrompt).
		SetNillableModelPreference(f.ModelPreference).SetNillableIsActive(f.IsActive)
	if f.ToolAssignments != nil {
		create.SetToolAssignments(f.ToolAssignments)
	}
	if f.EscalationRules != nil {
		create.SetEscalationRules(f.EscalationRules)
	}
	row, err := create.Save(ctx)
	return row, translate("create an agent", err)
}

// Get returns an agent, or [ErrNotFound].
func (a *Agents) Get(ctx context.Context, id uuid.UUID) (*ent.Agent, error) {
	row, err := a.client.Agent.Get(ctx, id)
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
	update := a.client.Agent.UpdateOneID(id).SetUpdatedAt(match.next(a.clock())).
		SetNillableName(f.Name).SetNillableRole(f.Role).SetNillablePersona(f.Persona).
		SetNillableSystemPrompt(f.SystemPrompt).
		SetNillableModelPreference(f.ModelPreference).SetNillableIsActive(f.IsActive)
	if f.ToolAssignments != nil {
		update.SetToolAssignments(f.ToolAssignments)
	}
	if f.EscalationRules != nil {
		update.SetEscalationRules(f.EscalationRules)
	}
	return save(ctx, id, match, update, a.client.Agent.Query())
}

// Delete deletes an agent. Returns [ErrNotFound] or [ErrStale].
func (a *Agents) Delete(ctx context.Context, id uuid.UUID, match Match) error {
	return remove(ctx, id, match, a.client.Agent.Delete(), a.client.Agent.Query())
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
