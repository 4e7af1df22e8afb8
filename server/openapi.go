package server

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/konstruct/konstruct/server/problem"
)

// complete adds the parts of the document that huma does not derive from types.
func complete(doc *huma.OpenAPI) {
	doc.Servers = []*huma.Server{{URL: "/", Description: "This server."}}
	doc.Tags = []*huma.Tag{
		{Name: tagHealth, Description: "Health checks for load balancers and supervisors."},
		{Name: tagLogin, Description: "Sessions of portal users."},
		{Name: tagMe, Description: "The user who is logged in: name, password, e-mail address and sessions."},
		{Name: tagTenants, Description: "Companies on this platform, managed by platform admins."},
		{Name: tagUsers, Description: "Users of the portal, managed by platform admins."},
		{Name: tagAgents, Description: "AI agents of a tenant."},
		{Name: tagConnections, Description: "Chat workspaces connected to a tenant."},
		{Name: tagMembers, Description: "Users with a role in a tenant."},
		{Name: tagInvitations, Description: "Links with which people become members."},
		{Name: tagAudit, Description: "What was done by whom, in a tenant and on the platform."},
		{Name: tagChannels, Description: "Webhooks called by chat platforms."},
	}
	for _, path := range doc.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Patch, path.Delete} {
			if op != nil {
				completeOperation(op)
			}
		}
	}
}

func completeOperation(op *huma.Operation) {
	for _, param := range op.Parameters {
		switch {
		case param.In == "path" && strings.HasSuffix(param.Name, "_id"):
			// A copy, because the original validates requests, where a malformed id must be 404 and not 422.
			schema := *param.Schema
			schema.Format = "uuid"
			param.Schema = &schema
		case param.Name == "If-Match" && op.Method == http.MethodPatch:
			param.Required = true // 428 if missing
		}
	}
	if op.OperationID == readyOperation { // its 503 has the checks instead of a problem
		op.Responses["503"].Content = op.Responses["200"].Content
	}
	if example, ok := requestExamples()[op.OperationID]; ok {
		op.RequestBody.Content["application/json"].Example = example
	}
	conditional := func(p *huma.Param) bool { return p.Name == "If-None-Match" }
	if op.Method == http.MethodGet && slices.ContainsFunc(op.Parameters, conditional) {
		op.Responses["304"] = &huma.Response{Description: http.StatusText(http.StatusNotModified)}
	}
	for status, response := range op.Responses {
		code, _ := strconv.Atoi(status) // "default" is 0
		describeHeaders(code, response)
		if code == op.DefaultStatus && slices.ContainsFunc(op.Parameters, isKey) {
			response.Headers[replayedHeader] = &huma.Param{
				Description: "true if it is the answer to an earlier request with the same Idempotency-Key.",
				Schema:      &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
			}
		}
	}
}

func isKey(p *huma.Param) bool { return p.Name == keyHeader }

func describeHeaders(status int, response *huma.Response) {
	if response.Headers == nil {
		response.Headers = map[string]*huma.Param{}
	}
	text := func(name, description string) {
		response.Headers[name] = &huma.Param{Description: description, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	for _, header := range response.Headers { // huma describes the schema instead of the header
		if header.Schema != nil {
			header.Description, header.Schema.Description = cmp.Or(header.Description, header.Schema.Description), ""
		}
	}
	text(problem.RequestIDHeader, "The request id, as in the server log.")
	switch status {
	case http.StatusCreated:
		text("Location", "The path of the new resource.")
	case http.StatusAccepted:
		if response.Content != nil {
			text("Location", "The path of the progress.")
		}
	case http.StatusNotModified:
		text("ETag", "The current version.")
	case http.StatusMethodNotAllowed:
		text("Allow", "The allowed methods.")
	case http.StatusUnsupportedMediaType:
		text("Accept-Encoding", "identity, if the Content-Encoding is not supported.")
	case http.StatusUnauthorized:
		text("WWW-Authenticate", "The authentication scheme (RFC 9110, section 11.6.1).")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		response.Headers["Retry-After"] = &huma.Param{
			Description: "Seconds to wait before a retry. Absent if a retry could repeat a change.",
			Schema:      &huma.Schema{Type: huma.TypeInteger, Format: "int32"},
		}
	}
}

// exampleLinkToken has the form of a token.
const exampleLinkToken = "klt_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

// requestExamples returns valid request bodies by operation.
func requestExamples() map[string]any {
	type object = map[string]any
	return map[string]any{
		"login":     object{"email": "ada@example.com", "password": "correct horse battery staple"},
		"update-me": object{"name": "Ada Lovelace"},
		opChangePassword: object{ //nolint:gosec // an example
			"current_password": "correct horse battery staple", "new_password": "seven quiet rivers",
		},
		opRequestEmail:   object{"current_password": "correct horse battery staple", "email": "ada@example.org"},
		opForgotPassword: object{"email": "ada@example.com"},
		opResetPassword:  object{"token": "klt_token-of-the-link", "password": "seven quiet rivers"}, //nolint:gosec // an example
		opConfirmEmail:   object{"token": "klt_token-of-the-link"},                                   //nolint:gosec // an example
		"create-tenant":  object{"name": "Acme", "slug": "acme"},
		"update-tenant":  object{"status": "suspended"},
		"create-user": object{
			"email": "ada@example.com", "name": "Ada Lovelace", "password": "correct horse battery staple",
		},
		"update-user": object{"disabled": true},
		"create-agent": object{
			"name": "Mara", "role": "Support", "persona": "Friendly and brief.",
			"system_prompt":    "You answer questions about orders.",
			"tool_assignments": []any{object{"name": "search", "config": object{"limit": 5}}},
			"escalation_rules": []any{
				object{"when": "keywords", "keywords": []any{"refund", "lawyer"}, "notify": "support-leads"},
			},
		},
		"duplicate-agent": object{"name": "Mara II"},
		"update-agent":    object{"role": "First-level support", "is_active": false},
		"create-channel-connection": object{
			"channel_type": "slack", "workspace_id": "T0123ABCD",
			"secrets": object{"bot_token": "xoxb-your-token"}, //nolint:gosec // an example
		},
		"update-channel-connection": object{"status": "revoked", "secrets": object{"bot_token": nil}},
		"update-member":             object{"role": "editor"},
		"create-invitation":         object{"email": "grace@example.com", "role": "editor"},
		"look-up-invitation":        object{"token": exampleLinkToken},
		"accept-invitation": object{
			"token": exampleLinkToken, "name": "Grace", "password": "correct horse battery staple",
		},
	}
}
