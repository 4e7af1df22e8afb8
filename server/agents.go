package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/operation"
	"github.com/konstruct/konstruct/server/problem"
)

type agentView struct {
	ID              uuid.UUID               `json:"id" format:"uuid"`
	TenantID        uuid.UUID               `json:"tenant_id" format:"uuid"`
	Name            string                  `json:"name"`
	Role            string                  `json:"role"`
	Persona         string                  `json:"persona"`
	SystemPrompt    string                  `json:"system_prompt"`
	ModelPreference string                  `json:"model_preference"`
	ToolAssignments []typed[ToolAssignment] `json:"tool_assignments" nullable:"false"`
	EscalationRules []typed[EscalationRule] `json:"escalation_rules" nullable:"false"`
	IsActive        bool                    `json:"is_active"`
	CreatedAt       time.Time               `json:"created_at"`
	UpdatedAt       time.Time               `json:"updated_at"`
}

// agentSummary is an agent in a list, without prompts, tools and rules.
type agentSummary struct {
	ID              uuid.UUID `json:"id" format:"uuid"`
	TenantID        uuid.UUID `json:"tenant_id" format:"uuid"`
	Name            string    `json:"name"`
	Role            string    `json:"role"`
	ModelPreference string    `json:"model_preference"`
	IsActive        bool      `json:"is_active"`
	CreatedAt       time.Time `json:"created_at"`
	UpdatedAt       time.Time `json:"updated_at"`
	ETag            string    `json:"etag" doc:"Version of the resource, for If-Match."`
}

// ToolAssignment is a tool that an agent may use. Additional properties are stored as sent.
type ToolAssignment struct {
	_ struct{} `additionalProperties:"true"`

	Name   string     `json:"name" minLength:"1" maxLength:"200" pattern:"\\S" example:"search"`
	Config FreeObject `json:"config,omitempty" doc:"Settings of the tool."`
}

// EscalationRule is a condition for handing over to a person. Additional properties are stored as sent.
type EscalationRule struct {
	_ struct{} `additionalProperties:"true"`

	When     string   `json:"when" enum:"asks_for_person,keywords,failed_turns,over_budget"`
	Keywords []string `json:"keywords,omitempty" minItems:"1" maxItems:"100" nullable:"false" doc:"Keywords, any of which triggers the rule. Required for keywords."`
	Count    *int32   `json:"count,omitempty" minimum:"1" maximum:"100" doc:"Number of consecutive failed turns. Required for failed_turns."`
	Notify   string   `json:"notify,omitempty" maxLength:"200" doc:"Person or group to notify."`
	Message  string   `json:"message,omitempty" maxLength:"2000" doc:"Message the agent sends when it hands over."`
}

// AgentFields are the optional fields of a create and an update request. Embedded types are exported because huma
// ignores unexported fields.
type AgentFields struct {
	Role            *string                 `json:"role,omitempty" maxLength:"200" example:"Support"`
	Persona         *string                 `json:"persona,omitempty" maxLength:"20000" doc:"Tone and style of the agent."`
	SystemPrompt    *string                 `json:"system_prompt,omitempty" maxLength:"200000"`
	ModelPreference *string                 `json:"model_preference,omitempty" minLength:"1" maxLength:"100" doc:"Name of a model or of a list of models. Defaults to quality." example:"quality"`
	ToolAssignments []typed[ToolAssignment] `json:"tool_assignments,omitempty" maxItems:"200" nullable:"false" doc:"Tools the agent may use. Replaces the whole list."`
	EscalationRules []typed[EscalationRule] `json:"escalation_rules,omitempty" maxItems:"200" nullable:"false" doc:"Rules for handing over to a person. Replaces the whole list."`
	IsActive        *bool                   `json:"is_active,omitempty"`
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

type duplicateAgentInput struct {
	AgentPathInput

	Body *struct {
		Name string `json:"name,omitempty" minLength:"1" maxLength:"200" pattern:"\\S" doc:"Defaults to the agent's name and (copy)."`
	} `nameHint:"DuplicateAgent"`
}

// AgentPathInput is the path of an agent.
type AgentPathInput struct {
	TenantPathInput

	AgentID string `path:"agent_id"`
}

type getAgentInput struct {
	AgentPathInput
	IfNoneMatchInput
}

type listAgentsInput struct {
	TenantPathInput
	PageInput
	SearchInput

	Sort     string         `query:"sort" enum:"created_at,-created_at,name,-name,updated_at,-updated_at" default:"created_at" doc:"Order of the items; with - in front, descending."`
	IsActive optional[bool] `query:"is_active" doc:"Return only agents that are active, or only those that are not."`
}

type deleteAgentInput struct {
	AgentPathInput
	IfMatchInput
}

func (s *Server) listAgents(ctx context.Context, in *listAgentsInput) (*listOutput[agentSummary], error) {
	page := in.sorted(in.Sort, in.SearchInput)
	list, err := s.agents.List(ctx, page, operation.AgentFilter{IsActive: in.IsActive.pointer()})
	if err != nil {
		return nil, err
	}
	return viewList(list, summarizeAgent), nil
}

func (s *Server) createAgent(ctx context.Context, in *createAgentInput) (*itemOutput[agentView], error) {
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	row, err := s.agents.Create(ctx, in.Body.with(&in.Body.Name))
	if err != nil {
		return nil, err
	}
	return createdAgent(ctx, row), nil
}

func (s *Server) duplicateAgent(ctx context.Context, in *duplicateAgentInput) (*itemOutput[agentView], error) {
	name := ""
	if in.Body != nil {
		name = in.Body.Name
	}
	row, err := s.agents.Duplicate(ctx, idOf(in.AgentID), name)
	if err != nil {
		return nil, err
	}
	requestOf(ctx).note(slog.String("duplicate_of", in.AgentID))
	return createdAgent(ctx, row), nil
}

func createdAgent(ctx context.Context, row *ent.Agent) *itemOutput[agentView] {
	requestOf(ctx).setObject(objectAgent, row.ID)
	out := item(row.UpdatedAt, viewAgent(row))
	out.Location = tenantsPath + "/" + row.TenantID.String() + "/agents/" + row.ID.String()
	return out
}

func (s *Server) getAgent(ctx context.Context, in *getAgentInput) (*itemOutput[agentView], error) {
	row, err := s.agents.Get(ctx, idOf(in.AgentID))
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewAgent(row)), in.notModified(row.UpdatedAt)
}

func (s *Server) updateAgent(ctx context.Context, in *updateAgentInput) (*itemOutput[agentView], error) {
	id := idOf(in.AgentID)
	match, err := required(ctx, in.IfMatchInput, id, s.agents.Get)
	if err != nil {
		return nil, err
	}
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	row, err := s.agents.Update(ctx, id, match, in.Body.with(in.Body.Name))
	if err != nil {
		return nil, err
	}
	return item(row.UpdatedAt, viewAgent(row)), nil
}

func (s *Server) deleteAgent(ctx context.Context, in *deleteAgentInput) (*struct{}, error) {
	return nil, s.agents.Delete(ctx, idOf(in.AgentID), in.optional())
}

func (f AgentFields) with(name *string) operation.AgentFields {
	return operation.AgentFields{
		Name: name, Role: f.Role, Persona: f.Persona, SystemPrompt: f.SystemPrompt, ModelPreference: f.ModelPreference,
		ToolAssignments: rawOf(f.ToolAssignments), EscalationRules: rawOf(f.EscalationRules), IsActive: f.IsActive,
	}
}

// check validates the properties that depend on the kind of a rule, which the schema cannot express.
func (f AgentFields) check() error {
	var faults []problem.Field
	for i, raw := range f.EscalationRules {
		var rule EscalationRule
		fault := problem.Field{Code: problem.FieldRequired, Message: "required"}
		switch err := jsonv2.Unmarshal(raw.RawMessage, &rule); { // matches names exactly, as the schema does
		case err != nil: // 1.0 is an integer in JSON Schema, but not in Go
			fault = problem.Field{Field: "count", Code: problem.FieldType, Message: "expected integer"}
		case rule.When == "keywords" && len(rule.Keywords) == 0:
			fault.Field = "keywords"
		case rule.When == "failed_turns" && rule.Count == nil:
			fault.Field = "count"
		default:
			continue
		}
		fault.Field = fmt.Sprintf("body.escalation_rules[%d].%s", i, fault.Field)
		faults = append(faults, fault)
	}
	if len(faults) > 0 {
		return problem.Invalid(faults...)
	}
	return nil
}

func summarizeAgent(row *ent.Agent) agentSummary {
	return agentSummary{
		ID: row.ID, TenantID: row.TenantID, Name: row.Name, Role: row.Role, ModelPreference: row.ModelPreference,
		IsActive: row.IsActive, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, ETag: etag(row.UpdatedAt),
	}
}

func viewAgent(row *ent.Agent) agentView {
	return agentView{
		ID: row.ID, TenantID: row.TenantID, Name: row.Name, Role: row.Role, Persona: row.Persona,
		SystemPrompt: row.SystemPrompt, ModelPreference: row.ModelPreference,
		ToolAssignments: typedOf[ToolAssignment](row.ToolAssignments),
		EscalationRules: typedOf[EscalationRule](row.EscalationRules),
		IsActive:        row.IsActive, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}
