package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// rawSession is what the server asks about a session, too.
const rawSession = `
	SELECT u.is_admin, EXISTS (SELECT FROM tenants t WHERE t.id = $3)
	FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id
	WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL`

// rawView is an agent as the API shows it.
type rawView struct {
	ID              uuid.UUID        `json:"id"`
	TenantID        uuid.UUID        `json:"tenant_id"`
	Name            string           `json:"name"`
	Role            string           `json:"role"`
	Persona         string           `json:"persona"`
	SystemPrompt    string           `json:"system_prompt"`
	ModelPreference string           `json:"model_preference"`
	ToolAssignments []map[string]any `json:"tool_assignments"`
	EscalationRules []map[string]any `json:"escalation_rules"`
	IsActive        bool             `json:"is_active"`
	CreatedAt       time.Time        `json:"created_at"`
	UpdatedAt       time.Time        `json:"updated_at"`
}

// rawPage is a page as the API shows it. The cursor of the floor is the last id in the clear.
type rawPage struct {
	Items      []rawView `json:"items"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

// handler serves the list with nothing but the standard library's router: the floor for HTTP.
func (r *raw) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/tenants/{tenant}/agents", func(w http.ResponseWriter, q *http.Request) {
		status, page := r.page(q)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(page)
	})
	return mux
}

func (r *raw) page(q *http.Request) (status int, page rawPage) {
	tenant, err := uuid.Parse(q.PathValue("tenant"))
	if err != nil {
		return http.StatusNotFound, page
	}
	hash := sha256.Sum256([]byte(strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")))
	var admin, exists bool
	err = r.pool.QueryRow(q.Context(), rawSession, hex.EncodeToString(hash[:]), nowUTC(), uuidArg(tenant)).Scan(&admin, &exists)
	if err != nil || !admin || !exists {
		return http.StatusUnauthorized, page
	}
	agents, err := rawAgents(q.Context(), r.pool, rawList, uuidArg(tenant), pageSize+1)
	if err != nil {
		return http.StatusInternalServerError, page
	}
	if len(agents) > pageSize {
		agents = agents[:pageSize]
		page.NextCursor = uuid.UUID(agents[pageSize-1].id).String()
	}
	page.Items = make([]rawView, len(agents))
	for i, a := range agents {
		page.Items[i] = rawView{
			ID: a.id, TenantID: a.tenant, Name: a.name, Role: a.role, Persona: a.persona, SystemPrompt: a.systemPrompt,
			ModelPreference: a.preference, ToolAssignments: a.tools, EscalationRules: a.rules, IsActive: a.active,
			CreatedAt: a.created, UpdatedAt: a.updated,
		}
	}
	return http.StatusOK, page
}

func nowUTC() time.Time { return time.Now().UTC() }
