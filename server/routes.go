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
	slackEventsPath = "/v1/channels/slack/events"
)

// routes is the list: whatever the API does stands here, with the rule of who may.
func (s *Server) routes() []route {
	return slices.Concat(s.healthRoutes(), s.authRoutes(), s.tenantRoutes(), s.agentRoutes(), s.connectionRoutes(), s.channelRoutes())
}

// enabledRoutes are the routes without those of channels that are not configured.
func (s *Server) enabledRoutes() []route {
	return slices.DeleteFunc(s.routes(), func(r route) bool { return r.op.Path == slackEventsPath && s.slack == nil })
}

func (s *Server) healthRoutes() []route {
	const tag = "Health"
	return []route{
		handle(public, http.MethodGet, "/healthz", "health", "Tell whether the process answers", s.health).in(tag),
		handle(public, http.MethodGet, "/readyz", "ready", "Tell whether the server can work", s.ready).in(tag).
			saying("503 when a required check fails. The body is the same: it names the checks. An answer is reused for a second."),
	}
}

func (s *Server) authRoutes() []route {
	const tag = "Login"
	return []route{
		handle(public, http.MethodPost, "/v1/auth/login", "login", "Log in", s.login).in(tag).
			failing(http.StatusUnauthorized, http.StatusTooManyRequests).
			saying("Opens a session of twelve hours. An unknown address, a wrong password and a disabled user are one and the " +
				"same 401. Too many attempts on an address are 429, with Retry-After, whether or not somebody has it."),
		handle(authenticated, http.MethodPost, "/v1/auth/logout", "logout", "Log out", s.logout).in(tag).
			saying("Ends the session that the token belongs to."),
		handle(authenticated, http.MethodGet, "/v1/me", "me", "Get the user who is logged in", s.me).in(tag),
	}
}

func (s *Server) tenantRoutes() []route {
	const tag = "Tenants"
	return []route{
		handle(platformAdmin, http.MethodGet, tenantsPath, "list-tenants", "List tenants", s.listTenants).in(tag),
		handle(platformAdmin, http.MethodPost, tenantsPath, "create-tenant", "Create a tenant", s.createTenant).in(tag).
			answering(http.StatusCreated).failing(http.StatusConflict),
		handle(platformAdmin, http.MethodGet, tenantPath, "get-tenant", "Get a tenant", s.getTenant).in(tag).
			failing(http.StatusNotFound),
		handle(platformAdmin, http.MethodPatch, tenantPath, "update-tenant", "Change a tenant", s.updateTenant).in(tag).
			failing(changeFailures...).failing(http.StatusConflict).
			saying("What is absent stays as it is. A suspended tenant gets no messages; a platform admin can still manage it."),
		purging(handle(platformAdmin, http.MethodDelete, tenantPath, "delete-tenant", "Delete a tenant", s.deleteTenant).in(tag)),
	}
}

func (s *Server) agentRoutes() []route {
	const tag = "Agents"
	return []route{
		handle(ofTenant, http.MethodGet, agentsPath, "list-agents", "List agents", s.listAgents).in(tag),
		handle(ofTenant, http.MethodPost, agentsPath, "create-agent", "Create an agent", s.createAgent).in(tag).
			answering(http.StatusCreated),
		handle(ofTenant, http.MethodGet, agentPath, "get-agent", "Get an agent", s.getAgent).in(tag),
		handle(ofTenant, http.MethodPatch, agentPath, "update-agent", "Change an agent", s.updateAgent).in(tag).
			failing(changeFailures...).saying("What is absent stays as it is."),
		handle(ofTenant, http.MethodDelete, agentPath, "delete-agent", "Delete an agent", s.deleteAgent).in(tag).
			failing(http.StatusPreconditionFailed),
	}
}

func (s *Server) connectionRoutes() []route {
	const tag = "Channel connections"
	return []route{
		handle(ofTenant, http.MethodGet, connectionsPath, "list-channel-connections", "List channel connections", s.listConnections).
			in(tag),
		handle(ofTenant, http.MethodPost, connectionsPath, "create-channel-connection", "Create a channel connection", s.createConnection).
			in(tag).answering(http.StatusCreated).failing(http.StatusConflict).
			saying("A workspace belongs to one tenant. One that is taken is 409, whoever has it."),
		handle(ofTenant, http.MethodGet, connectionPath, "get-channel-connection", "Get a channel connection", s.getConnection).in(tag),
		handle(ofTenant, http.MethodPatch, connectionPath, "update-channel-connection", "Change a channel connection", s.updateConnection).
			in(tag).failing(changeFailures...).
			saying("What is absent stays as it is. Secrets are written by name and never read: a text sets one, null removes it, " +
				"a redaction mark is refused."),
		handle(ofTenant, http.MethodDelete, connectionPath, "delete-channel-connection", "Delete a channel connection", s.deleteConnection).
			in(tag).failing(http.StatusPreconditionFailed),
	}
}

func (s *Server) channelRoutes() []route {
	slack := handle(public, http.MethodPost, slackEventsPath, "receive-slack-event", "Receive an event from Slack", s.slackEvent).
		in("Channels").failing(http.StatusUnauthorized).
		saying("For Slack's Events API. The signature over the raw body decides. An event of an unknown workspace is acknowledged " +
			"and goes nowhere.")
	slack.tenantTraffic = true
	slack.op.SkipValidateBody = true // the signature comes first, over the bytes
	return []route{slack}
}

// changeFailures are an update's, besides its rule's.
//
//nolint:gochecknoglobals // a constant that Go cannot express
var changeFailures = []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
