package server

import (
	"net/http"
	"slices"
)

// The paths of the API.
const (
	tenantsPath     = "/v1/tenants"
	tenantPath      = tenantsPath + "/{" + tenantParam + "}"
	agentsPath      = tenantPath + "/agents"
	agentPath       = agentsPath + "/{agent_id}"
	duplicatePath   = agentPath + "/duplicate"
	connectionsPath = tenantPath + "/channel-connections"
	connectionPath  = connectionsPath + "/{connection_id}"
	eventsPath      = "/v1/audit-events"
	tenantEvents    = tenantPath + "/audit-events"
	exportSuffix    = "/export"
)

// readyOperation is the id of the operation whose 503 is not a problem.
const readyOperation = "ready"

// The tags of the OpenAPI document.
const (
	tagHealth      = "Health"
	tagLogin       = "Login"
	tagMe          = "Current user"
	tagTenants     = "Tenants"
	tagUsers       = "Users"
	tagAgents      = "Agents"
	tagConnections = "Channel connections"
	tagMembers     = "Members"
	tagInvitations = "Invitations"
	tagAudit       = "Audit log"
	tagChannels    = "Channels"
)

// routes returns all operations with their access rules.
func (s *Server) routes() []route {
	return slices.Concat(
		s.healthRoutes(), s.authRoutes(), s.tenantRoutes(), s.agentRoutes(), s.connectionRoutes(), s.channelRoutes(),
		s.linkRoutes(),
		s.meRoutes(),
		s.purgeRoutes(),
		s.userRoutes(),
		s.eventRoutes(),
		s.memberRoutes(),
		s.invitationRoutes(),
		s.acceptRoutes(),
		s.metaRoutes(),
	)
}

// enabledRoutes returns the routes without those of unconfigured channels.
func (s *Server) enabledRoutes() []route {
	return slices.DeleteFunc(s.routes(), func(r route) bool { return r.op.Path == slackPath && s.slack == nil })
}

func (s *Server) healthRoutes() []route {
	return tagged(tagHealth,
		handle(public, http.MethodGet, "/healthz", "health", "Check that the process is running", s.health).
			errors(http.StatusMethodNotAllowed),
		handle(public, http.MethodGet, "/readyz", readyOperation, "Check that the server is ready", s.ready).
			errors(http.StatusMethodNotAllowed).
			description("Returns 503 with the status not_ready if a required check fails or the server is shutting "+
				"down, and 200 with the status degraded if reads work but writes fail. The body lists the checks. "+
				"Results are cached for one second."),
	)
}

func (s *Server) authRoutes() []route {
	return tagged(tagLogin,
		handle(public, http.MethodPost, "/v1/auth/login", "login", "Log in", s.login).
			errors(http.StatusUnauthorized, http.StatusTooManyRequests).
			description("Opens a session that lasts 7 days, and ends when it is unused for 12 hours. Returns the same "+
				"401 for an unknown address, a wrong password and a disabled user. Returns 429 after too many failed "+
				"attempts for one address, known or unknown, or from one client. Unknown properties are ignored, so "+
				"the authorize() function of Auth.js can send all fields of its form."),
		handle(authenticated, http.MethodPost, "/v1/auth/logout", "logout", "Log out", s.logout).
			description("Ends the current session."),
	)
}

func (s *Server) tenantRoutes() []route {
	return tagged(tagTenants,
		handle(authenticated, http.MethodGet, tenantsPath, "list-tenants", "List tenants", s.listTenants).
			description("Returns the user's own tenants, or all for a platform admin. q searches names and slugs."),
		handle(platformAdmin, http.MethodPost, tenantsPath, "create-tenant", "Create a tenant", s.createTenant).
			withKey().success(http.StatusCreated).errors(http.StatusConflict),
		handle(viewer, http.MethodGet, tenantPath, "get-tenant", "Get a tenant", s.getTenant).
			errors(http.StatusNotFound),
		handle(owner, http.MethodPatch, tenantPath, "update-tenant", "Update a tenant", s.updateTenant).
			errors(updateErrors...).errors(http.StatusConflict).
			description("Omitted properties keep their values. A suspended tenant receives no messages; platform "+
				"admins can still manage it."),
	)
}

func (s *Server) agentRoutes() []route {
	return tagged(tagAgents,
		handle(viewer, http.MethodGet, agentsPath, "list-agents", "List agents", s.listAgents).
			description("q searches names and roles."),
		handle(editor, http.MethodPost, agentsPath, "create-agent", "Create an agent", s.createAgent).
			withKey().success(http.StatusCreated),
		handle(editor, http.MethodPost, duplicatePath, "duplicate-agent", "Duplicate an agent", s.duplicateAgent).
			withKey().success(http.StatusCreated).
			description("Creates an inactive copy. The body may be omitted."),
		handle(viewer, http.MethodGet, agentPath, "get-agent", "Get an agent", s.getAgent),
		handle(editor, http.MethodPatch, agentPath, "update-agent", "Update an agent", s.updateAgent).
			errors(updateErrors...).description("Omitted properties keep their values."),
		handle(editor, http.MethodDelete, agentPath, "delete-agent", "Delete an agent", s.deleteAgent).
			errors(http.StatusPreconditionFailed),
	)
}

func (s *Server) connectionRoutes() []route {
	return tagged(tagConnections,
		handle(viewer, http.MethodGet, connectionsPath, "list-channel-connections", "List channel connections",
			s.listConnections).description("q searches workspace ids."),
		handle(owner, http.MethodPost, connectionsPath, "create-channel-connection", "Create a channel connection",
			s.createConnection).withKey().success(http.StatusCreated).errors(http.StatusConflict).
			description("Returns 409 if the workspace is already connected."),
		handle(viewer, http.MethodGet, connectionPath, "get-channel-connection", "Get a channel connection",
			s.getConnection),
		handle(owner, http.MethodPatch, connectionPath, "update-channel-connection", "Update a channel connection",
			s.updateConnection).errors(updateErrors...).
			description("Omitted properties keep their values. Secrets are write-only: a string sets a secret, null "+
				"removes it, and a redacted value is rejected."),
		handle(owner, http.MethodDelete, connectionPath, "delete-channel-connection", "Delete a channel connection",
			s.deleteConnection).errors(http.StatusPreconditionFailed),
	)
}

func (s *Server) channelRoutes() []route {
	slack := handle(public, http.MethodPost, slackPath, "receive-slack-event", "Receive a Slack event", s.slackEvent).
		withTenantTraffic().errors(http.StatusUnauthorized).
		description("Webhook for the Slack Events API, authenticated by the signature of the raw body (at most 4 " +
			"MiB). Events that cannot be processed (unknown workspace, invalid payload) are acknowledged so that " +
			"Slack does not retry them.")
	slack.op.MaxBodyBytes = bodyLimitOf(slackPath)
	slack.op.SkipValidateBody = true // the signature of the raw body is checked first
	return tagged(tagChannels, slack)
}

// updateErrors are the statuses of an update that its rule does not imply.
//
//nolint:gochecknoglobals // a constant
var updateErrors = []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
