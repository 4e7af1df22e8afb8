package server

import (
	"context"
	"net/http"
)

type metaOutput struct{ Body metaView }

type metaView struct {
	Version   string   `json:"version"`
	Mail      bool     `json:"mail" doc:"Whether links are mailed. Otherwise the API returns those of invitations, and passwords cannot be reset."`
	Channels  []string `json:"channels" nullable:"false" enum:"slack" doc:"Channels that can receive messages."`
	PortalURL string   `json:"portal_url,omitempty" format:"uri" doc:"The portal to which links lead. Absent if it is not configured."`
}

func (s *Server) metaRoutes() []route {
	return tagged(tagHealth,
		handle(public, http.MethodGet, "/v1/meta", "meta", "Get what is configured", s.meta).
			errors(http.StatusMethodNotAllowed).
			description("The version, and what a portal can offer."),
	)
}

func (s *Server) meta(context.Context, *struct{}) (*metaOutput, error) {
	out := &metaOutput{Body: metaView{Version: s.version, Mail: s.mailing, Channels: []string{}}}
	if s.slack != nil {
		out.Body.Channels = append(out.Body.Channels, "slack")
	}
	if s.links.Portal != nil {
		out.Body.PortalURL = s.links.Portal.String()
	}
	return out, nil
}
