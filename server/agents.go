package server

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/operation"
)

type agentView struct {
	ID              uuid.UUID        `json:"id" format:"uuid"`
	TenantID        uuid.UUID        `json:"tenant_id" format:"uuid"`
	Name            string           `json:"name"`
	Role            string           `json:"role"`
	Persona         string           `json:"persona"`
	SystemPrompt    string           `json:"system_prompt"`
	ModelPreference string           `json:"model_preference"`
	ToolAssignments []map[string]any `json:"tool_assignments" nullable:"false"`
	EscalationRules []map[string]any `json:"escalation_rules" nullable:"false"`
	IsActive        bool             `json:"is_active"`
	CreatedAt       time.Time        `json:"created_at"`
	UpdatedAt       time.Time        `json:"updated_at"`
}

// AgentFields are those that may be left out, when an agent is made as when it is changed. Like the other embedded
// types, it is exported because huma looks at exported fields only.
type AgentFields struct {
	Role            *string          `json:"role,omitempty" maxLength:"200" example:"Support"`
	Persona         *string          `json:"persona,omitempty" maxLength:"20000" doc:"How the agent speaks."`
	SystemPrompt    *string          `json:"system_prompt,omitempty" maxLength:"200000"`
	ModelPreference *string          `json:"model_preference,omitempty" minLength:"1" maxLength:"100" doc:"quality, when it isn't said." example:"quality"`
	ToolAssignments []map[string]any `json:"tool_assignments,omitempty" maxItems:"200" nullable:"false" doc:"The tools that the agent may use; objects."`
	EscalationRules []map[string]any `json:"escalation_rules,omitempty" maxItems:"200" nullable:"false" doc:"When the agent calls a person; objects."`
	IsActive        *bool            `json:"is_active,omitempty"`
}

type createAgentInput struct {
	TenantPathInput

	Body struct {
		AgentFields

		Name string `json:"name" minLength:"1" maxLength:"200" pattern:"\\S" example:"Mara"`
	} `nameHint:"CreateAgent"`
}

type updateAgentInput struct {
	AgentPathInput
	IfMatchInput

	Body struct {
		AgentFields

		Name *string `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"\\S"`
	} `nameHint:"UpdateAgent"`
}

// AgentPathInput names an agent.
type AgentPathInput struct {
	TenantPathInput

	AgentID string `path:"agent_id" format:"uuid"`
}

type listAgentsInput struct {
	TenantPathInput
	PageInput
}

type deleteAgentInput struct {
	AgentPathInput
	IfMatchInput
}

func (s *Server) listAgents(ctx context.Context, in *listAgentsInput) (*listOutput[agentView], error) {
	list, err := s.agents.List(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return viewList(list, viewAgent), nil
}

func (s *Server) createAgent(ctx context.Context, in *createAgentInput) (*itemOutput[agentView], error) {
	row, err := s.agents.Create(ctx, in.Body.with(&in.Body.Name))
	if err != nil {
		return nil, err
	}
	requestOf(ctx).about(objectAgent, row.ID)
	out := agentItem(row)
	out.Location = tenantsPath + "/" + row.TenantID.String() + "/agents/" + row.ID.String()
	return out, nil
}

func (s *Server) getAgent(ctx context.Context, in *AgentPathInput) (*itemOutput[agentView], error) {
	id, err := parseID(in.AgentID)
	if err != nil {
		return nil, err
	}
	row, err := s.agents.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return agentItem(row), nil
}

func (s *Server) updateAgent(ctx context.Context, in *updateAgentInput) (*itemOutput[agentView], error) {
	id, err := parseID(in.AgentID)
	if err != nil {
		return nil, err
	}
	match, err := in.required()
	if err != nil {
		return nil, err
	}
	row, err := s.agents.Update(ctx, id, match, in.Body.with(in.Body.Name))
	if err != nil {
		return nil, err
	}
	return agentItem(row), nil
}

func (s *Server) deleteAgent(ctx context.Context, in *deleteAgentInput) (*struct{}, error) {
	id, err := parseID(in.AgentID)
	if err != nil {
		return nil, err
	}
	return nil, s.agents.Delete(ctx, id, in.optional())
}

func (f AgentFields) with(name *string) operation.AgentFields {
	return operation.AgentFields{
		Name: name, Role: f.Role, Persona: f.Persona, SystemPrompt: f.SystemPrompt, ModelPreference: f.ModelPreference,
		ToolAssignments: f.ToolAssignments, EscalationRules: f.EscalationRules, IsActive: f.IsActive,
	}
}

func agentItem(row *ent.Agent) *itemOutput[agentView] {
	return &itemOutput[agentView]{ETag: etag(row.UpdatedAt), Body: viewAgent(row)}
}

func viewAgent(row *ent.Agent) agentView {
	return agentView{
		ID: row.ID, TenantID: row.TenantID, Name: row.Name, Role: row.Role, Persona: row.Persona,
		SystemPrompt: row.SystemPrompt, ModelPreference: row.ModelPreference, ToolAssignments: row.ToolAssignments,
		EscalationRules: row.EscalationRules, IsActive: row.IsActive, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}
