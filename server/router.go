package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/konstruct/konstruct/server/docs"
	"github.com/konstruct/konstruct/server/problem"
)

const bearerScheme = "session"

// router mounts the routes. ContextWithFallback stays off and no *gin.Context is passed on, because gin reuses them.
func (s *Server) router(withDocs bool) (http.Handler, error) {
	problem.Install()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	var proxies []string
	for _, network := range s.proxies {
		proxies = append(proxies, network.String())
	}
	if err := engine.SetTrustedProxies(proxies); err != nil {
		return nil, fmt.Errorf("%w: TrustedProxies: %w", ErrOptions, err)
	}
	engine.Use(s.observe)
	engine.NoRoute(notFound)
	engine.NoMethod(notAllowed)

	api := humagin.New(engine, s.humaConfig())
	if err := s.mount(api, s.enabledRoutes()); err != nil {
		return nil, err
	}
	if s.devMail != nil {
		if err := s.mount(api, s.devMailRoutes()); err != nil {
			return nil, err
		}
	}
	if withDocs {
		document, err := render(api)
		if err != nil {
			return nil, err
		}
		if err := s.mount(api, docsRoutes(document)); err != nil {
			return nil, err
		}
	}
	return engine, nil
}

func (s *Server) mount(api huma.API, routes []route) error {
	for _, r := range routes {
		if err := r.check(); err != nil {
			return err
		}
		op := r.describe()
		op.Middlewares = huma.Middlewares{s.guard(r)}
		r.register(s, api, op, r)
		if op.Method == http.MethodGet {
			op.Method, op.Hidden = http.MethodHead, true // net/http omits the body
			r.register(s, api, op, r)
		}
	}
	return nil
}

func (s *Server) humaConfig() huma.Config {
	format := jsonFormat()
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Konstruct",
				Version:     "v1",
				Description: description(),
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearerScheme: {
						Type: "http", Scheme: "bearer",
						Description: "A session token, returned by POST /v1/auth/login.",
					},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.keepCause},
	}
}

// description returns the text of the document, in paragraphs. Backquotes mark code.
func description() string {
	codes := make([]string, 0, len(problem.Codes()))
	for _, code := range problem.Codes() {
		codes = append(codes, "`"+string(code)+"`")
	}
	return strings.Join([]string{
		"Manage tenants, their AI agents and their channel connections.",
		"Getting started: create an admin with `konstruct user create --admin you@example.com`. Log in with " +
			"`POST /v1/auth/login` and send the session token as `Authorization: Bearer <token>`. Create a tenant " +
			"with `POST /v1/tenants` and its first agent with `POST /v1/tenants/{tenant_id}/agents`.",
		"Updates: fetch the resource and send its `ETag` as `If-Match` with the PATCH request. Returns 412 if the " +
			"resource was modified in between; fetch it and retry.",
		"Lists are sorted by creation time, unless `sort` names another order, and paginated: pass `next_cursor` as " +
			"`cursor`, with the same other parameters, until it is absent. Items are summaries; get the resource for " +
			"all its properties.",
		"Errors are RFC 9457 problem details with a stable code: " + strings.Join(codes, ", ") + ". Include the " +
			"`request_id` when you report a problem. A request that failed with 503 `unavailable` or `overloaded` " +
			"was not processed; retry it after `retry_after` seconds. A request that failed with 503 " +
			"`outcome_unknown` may have been processed; fetch the resource before you retry.",
	}, "\n\n")
}

// schemaName names the schema of agentView Agent.
func schemaName(t reflect.Type, hint string) string {
	return strings.ReplaceAll(huma.DefaultSchemaNamer(t, hint), "View", "")
}

func render(api huma.API) ([]byte, error) {
	complete(api.OpenAPI())
	document, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render the OpenAPI document: %w", err)
	}
	return append(document, '\n'), nil
}

// docsRoutes serve the OpenAPI document and the page to read and try it.
func docsRoutes(document []byte) []route {
	html, policy := docs.Page()
	return []route{
		page(public, "/openapi.json", map[string]string{"Content-Type": "application/json"}, document),
		page(public, "/docs", map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy,
		}, html),
	}
}

// OpenAPI returns the OpenAPI 3.1 document of all routes as JSON.
func OpenAPI() ([]byte, error) {
	problem.Install()
	gin.SetMode(gin.ReleaseMode)
	s := &Server{}
	api := humagin.New(gin.New(), s.humaConfig())
	if err := s.mount(api, s.routes()); err != nil {
		return nil, err
	}
	return render(api)
}
