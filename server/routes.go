package server

import (
	"net/http"
	"slices"
)

// The paths.
const (
	tenantsPath     = "/v1/tenants"
	tenantPath      = tenantsPath + "/{" + tenantParam + "}"
	agentsPath      = tenantPath + "/agents"
	agentPath       = agentsPath + "/{agent_id}"
	connectionsPath = tenantPath + "/channel-connections"
	connectionPath  = connectionsPath + "/{connection_id}"
)

// readyOperation is the operation whose 503 has no problem document.
const readyOperation = "ready"

// The tags, which group operations in the document.
const (
	tagHealth      = "Health"
	tagLogin       = "Login"
	tagTenants     = "Tenants"
	tagAgents      = "Agents"
	tagConnections = "Channel connections"
	tagChannels    = "Channels"
)

// routes lists all operations, each with its access rule.
func (s *Server) routes() []route {
	return slices.Concat(s.healthRoutes(), s.authRoutes(), s.tenantRoutes(), s.agentRoutes(), s.connectionRoutes(), s.channelRoutes())
}

// enabledRoutes are the routes without those of channels that are not configured.
func (s *Server) enabledRoutes() []route {
	return slices.DeleteFunc(s.routes(), func(r route) bool { return r.op.Path == slackPath && s.slack == nil })
}

func (s *Server) healthRoutes() []route {
	return []route{
		handle(public, http.MethodGet, "/healthz", "health", "Check that the process is running", s.health).in(tagHealth).
			failing(http.StatusMethodNotAllowed),
		handle(public, http.MethodGet, "/readyz", readyOperation, "Check that the server is ready", s.ready).in(tagHealth).
			failing(http.StatusMethodNotAllowed).
			saying("Returns 503 with the status not_ready if a required check fails or the server is shutting down, and 200 with " +
				"the status degraded if reads work but writes fail. The body lists the checks. Results are cached for one second."),
	}
}

func (s *Server) authRoutes() []route {
	return []route{
		handle(public, http.MethodPost, "/v1/auth/login", "login", "Log in", s.login).in(tagLogin).
			failing(http.StatusUnauthorized, http.StatusTooManyRequests).
			saying("Opens a session that lasts 12 hours. Returns the same 401 for an unknown address, a wrong password and a " +
				"disabled user. Returns 429 after too many failed attempts for one address, known or unknown, or from one client. " +
				"Unknown properties are ignored, so the authorize() function of Auth.js can send all fields of its form."),
		handle(authenticated, http.MethodPost, "/v1/auth/logout", "logout", "Log out", s.logout).in(tagLogin).
			saying("Ends the current session."),
		handle(authenticated, http.MethodGet, "/v1/me", "me", "Get the current user", s.me).in(tagLogin),
	}
}

func (s *Server) tenantRoutes() []route {
	return []route{
		handle(platformAdmin, http.MethodGet, tenantsPath, "list-tenants", "List tenants", s.listTenants).in(tagTenants),
		handle(platformAdmin, http.MethodPost, tenantsPath, "create-tenant", "Create a tenant", s.createTenant).in(tagTenants).
			answering(http.StatusCreated).failing(http.StatusConflict),
		handle(platformAdmin, http.MethodGet, tenantPath, "get-tenant", "Get a tenant", s.getTenant).in(tagTenants).
			failing(http.StatusNotFound),
		handle(platformAdmin, http.MethodPatch, tenantPath, "update-tenant", "Update a tenant", s.updateTenant).in(tagTenants).
			failing(changeFailures...).failing(http.StatusConflict).
			saying("Omitted properties keep their values. A suspended tenant receives no messages; platform admins can still manage it."),
		purging(handle(platformAdmin, http.MethodDelete, tenantPath, "delete-tenant", "Delete a tenant", s.deleteTenant).in(tagTenants)),
	}
}

func (s *Server) agentRoutes() []route {
	return []route{
		handle(ofTenant, http.MethodGet, agentsPath, "list-agents", "List agents", s.listAgents).in(tagAgents),
		handle(ofTenant, http.MethodPost, agentsPath, "create-agent", "Create an agent", s.createAgent).in(tagAgents).
			answering(http.StatusCreated),
		handle(ofTenant, http.MethodGet, agentPath, "get-agent", "Get an agent", s.getAgent).in(tagAgents),
		handle(ofTenant, http.MethodPatch, agentPath, "update-agent", "Update an agent", s.updateAgent).in(tagAgents).
			failing(changeFailures...).saying("Omitted properties keep their values."),
		handle(ofTenant, http.MethodDelete, agentPath, "delete-agent", "Delete an agent", s.deleteAgent).in(tagAgents).
			failing(http.StatusPreconditionFailed),
	}
}

func (s *Server) connectionRoutes() []route {
	return []route{
		handle(ofTenant, http.MethodGet, connectionsPath, "list-channel-connections", "List channel connections", s.listConnections).
			in(tagConnections),
		handle(ofTenant, http.MethodPost, connectionsPath, "create-channel-connection", "Create a channel connection", s.createConnection).
			in(tagConnections).answering(http.StatusCreated).failing(http.StatusConflict).
			saying("Returns 409 if the workspace is already connected."),
		handle(ofTenant, http.MethodGet, connectionPath, "get-channel-connection", "Get a channel connection", s.getConnection).
			in(tagConnections),
		handle(ofTenant, http.MethodPatch, connectionPath, "update-channel-connection", "Update a channel connection", s.updateConnection).
			in(tagConnections).failing(changeFailures...).
			saying("Omitted properties keep their values. Secrets are write-only: a string sets a secret, null removes it, and a " +
				"redacted value is rejected."),
		handle(ofTenant, http.MethodDelete, connectionPath, "delete-channel-connection", "Delete a channel connection", s.deleteConnection).
			in(tagConnections).failing(http.StatusPreconditionFailed),
	}
}

func (s *Server) channelRoutes() []route {
	slack := handle(public, http.MethodPost, slackPath, "receive-slack-event", "Receive an event from Slack", s.slackEvent).
		in(tagChannels).failing(http.StatusUnauthorized).
		saying("Webhook for the Slack Events API, authenticated by the signature of the raw body (at most 4 MiB). Events that " +
			"cannot be processed (unknown workspace, invalid payload) are acknowledged so that Slack does not retry them.")
	slack.tenantTraffic = true
	slack.op.MaxBodyBytes = bodyLimitOf(slackPath)
	slack.op.SkipValidateBody = true // the signature comes first, over the bytes
	return []route{slack}
}

// changeFailures are an update's, besides its rule's.
//
//nolint:gochecknoglobals // a constant that Go cannot express
var changeFailures = []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
