package operation

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/ent/agent"
	"github.com/konstruct/konstruct/tenancy"
)

const agentList = "agents"

// Agents works on the agents of the context's tenant.
type Agents struct {
	client *ent.Client
	pages  Pages
	clock  func() time.Time
}

// NewAgents works through client, whose driver is pgtenant's.
func NewAgents(client *ent.Client, pages Pages, clock func() time.Time) *Agents {
	return &Agents{client: client, pages: pages, clock: clock}
}

// AgentFields is what can be said about an agent. What is nil is left as it is, or to its default.
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

// List returns a part of the tenant's agents, without their prompts, tools and rules. The error is [ErrCursor] for a foreign cursor.
func (a *Agents) List(ctx context.Context, page Page) (List[*ent.Agent], error) {
	tenant, err := tenancy.From(ctx)
	if err != nil {
		return List[*ent.Agent]{}, err
	}
	after, err := a.pages.after(agentList, tenant, page.Cursor)
	if err != nil {
		return List[*ent.Agent]{}, err
	}
	query := a.client.Agent.Query().Order(agent.ByID()).Limit(page.Limit + 1)
	if after != uuid.Nil {
		query.Where(agent.IDGT(after))
	}
	rows, err := query.Select(
		agent.FieldID, agent.FieldTenantID, agent.FieldName, agent.FieldRole, agent.FieldModelPreference,
		agent.FieldIsActive, agent.FieldCreatedAt, agent.FieldUpdatedAt,
	).All(ctx)
	if err != nil {
		return List[*ent.Agent]{}, translate("list agents", err)
	}
	return cut(a.pages, agentList, tenant, page.Limit, rows, func(row *ent.Agent) (uuid.UUID, int) {
		return row.ID, len(row.Name) + len(row.Role) + len(row.ModelPreference)
	}), nil
}

// Create makes an agent; its name is needed. The errors are [ErrRefused], and [ErrNotFound] when the tenant has gone.
func (a *Agents) Create(ctx context.Context, f AgentFields) (*ent.Agent, error) {
	create := a.client.Agent.Create().
		SetName(value(f.Name)).SetNillableRole(f.Role).SetNillablePersona(f.Persona).SetNillableSystemPrompt(f.SystemPrompt).
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

// Update changes an agent and returns it as it is then; without any field it changes nothing. The errors are
// [ErrNotFound], [ErrStale] and [ErrRefused].
func (a *Agents) Update(ctx context.Context, id uuid.UUID, match Match, f AgentFields) (*ent.Agent, error) {
	if reflect.ValueOf(f).IsZero() {
		row, err := a.client.Agent.Get(ctx, id)
		return unchanged(row, match, err, func() time.Time { return row.UpdatedAt })
	}
	update := a.client.Agent.UpdateOneID(id).SetUpdatedAt(match.next(a.clock())).
		SetNillableName(f.Name).SetNillableRole(f.Role).SetNillablePersona(f.Persona).SetNillableSystemPrompt(f.SystemPrompt).
		SetNillableModelPreference(f.ModelPreference).SetNillableIsActive(f.IsActive)
	if f.ToolAssignments != nil {
		update.SetToolAssignments(f.ToolAssignments)
	}
	if f.EscalationRules != nil {
		update.SetEscalationRules(f.EscalationRules)
	}
	if !match.isAny() {
		update.Where(agent.UpdatedAtIn(match.versions...))
	}
	row, err := update.Save(ctx)
	if ent.IsNotFound(err) {
		return nil, a.missing(ctx, id)
	}
	return row, translate("update an agent", err)
}

// Delete removes an agent. The errors are [ErrNotFound] and [ErrStale].
func (a *Agents) Delete(ctx context.Context, id uuid.UUID, match Match) error {
	remove := a.client.Agent.Delete().Where(agent.ID(id))
	if !match.isAny() {
		remove.Where(agent.UpdatedAtIn(match.versions...))
	}
	removed, err := remove.Exec(ctx)
	if err == nil && removed == 0 {
		return a.missing(ctx, id)
	}
	return translate("delete an agent", err)
}

// missing says why a change met no row.
func (a *Agents) missing(ctx context.Context, id uuid.UUID) error {
	there, err := a.client.Agent.Query().Where(agent.ID(id)).Exist(ctx)
	return reason(there, err)
}

func reason(there bool, err error) error {
	switch {
	case err != nil:
		return translate("look for a row", err)
	case there:
		return ErrStale
	}
	return ErrNotFound
}

// unchanged is what an update without fields returns: the row, if the match allows the update.
func unchanged[T any](row *T, match Match, err error, version func() time.Time) (*T, error) {
	if err == nil && !match.has(version()) {
		err = ErrStale
	}
	if err != nil {
		return nil, translate("update nothing", err)
	}
	return row, nil
}

// value is what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
