package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// access is the rule of a route. There is no default: a route without one doesn't start.
type access string

const (
	// public routes are for everybody; what they check, they check themselves.
	public access = "public"
	// authenticated routes are for everybody who has a session.
	authenticated access = "authenticated"
	// platformAdmin routes are for platform admins; others get 403.
	platformAdmin access = "platform_admin"
	// ofTenant routes are for those who may enter the tenant in their path; to others it isn't there: 404.
	ofTenant access = "tenant"
)

// tenantParam is the path parameter that names the tenant.
const tenantParam = "tenant_id"

// route is one operation of the API. The list of them (routes.go) feeds the router, the guard and the OpenAPI document.
type route struct {
	access access
	op     huma.Operation
	// tenantTraffic is refused while isolation isn't proven. It follows from ofTenant.
	tenantTraffic bool
	hasBody       bool
	register      func(huma.API, huma.Operation)
}

// handle makes a route of a typed handler.
func handle[I, O any](rule access, method, path, id, summary string, handler func(context.Context, *I) (*O, error)) route {
	return route{
		access:        rule,
		tenantTraffic: rule == ofTenant,
		hasBody:       readsBody(reflect.TypeFor[I]()),
		op: huma.Operation{
			OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: bodyLimit,
			RejectUnknownQueryParameters: rule != public, // a webhook's or a probe's URL may carry its owner's own
		},
		register: func(api huma.API, op huma.Operation) {
			huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
				out, err := handler(ctx, in)
				if err != nil {
					return nil, failureFor(ctx, err)
				}
				return out, nil
			})
		},
	}
}

func readsBody(input reflect.Type) bool {
	_, body := input.FieldByName("Body")
	_, raw := input.FieldByName("RawBody")
	return body || raw
}

// page makes a route of bytes that are ready, and that the OpenAPI document doesn't mention.
func page(rule access, path string, headers map[string]string, body []byte) route {
	return route{
		access: rule,
		op:     huma.Operation{Method: http.MethodGet, Path: path, Hidden: true},
		register: func(api huma.API, op huma.Operation) {
			api.Adapter().Handle(&op, op.Middlewares.Handler(func(ctx huma.Context) {
				for name, value := range headers {
					ctx.SetHeader(name, value)
				}
				ctx.SetHeader("Content-Length", strconv.Itoa(len(body)))
				ctx.SetStatus(http.StatusOK)
				_, _ = ctx.BodyWriter().Write(body) // the client is gone: nobody is left to tell
			}))
		},
	}
}

// errRoute means that the list of routes is wrong. The server doesn't start.
var errRoute = errors.New("server: route")

// check holds a route to what the guard relies on.
func (r route) check() error {
	named := strings.Contains(r.op.Path, "{"+tenantParam+"}")
	switch {
	case r.access == "":
		return fmt.Errorf("%w %s %s: no access rule", errRoute, r.op.Method, r.op.Path)
	case !slices.Contains([]access{public, authenticated, platformAdmin, ofTenant}, r.access):
		return fmt.Errorf("%w %s %s: unknown access rule %q", errRoute, r.op.Method, r.op.Path, r.access)
	case r.access == ofTenant && !named:
		return fmt.Errorf("%w %s %s: the rule %q requires {%s} in the path", errRoute, r.op.Method, r.op.Path, r.access, tenantParam)
	case named && r.access != ofTenant && r.access != platformAdmin:
		return fmt.Errorf("%w %s %s: a path with a tenant requires the rule tenant or platform_admin", errRoute, r.op.Method, r.op.Path)
	}
	return nil
}

// describe completes the operation for the OpenAPI document: who may use it, and how it fails.
func (r route) describe() huma.Operation {
	op := r.op
	op.Extensions = map[string]any{"x-konstruct-access": string(r.access)}
	op.Errors = append(op.Errors, http.StatusServiceUnavailable)
	switch r.access {
	case public:
	case authenticated:
		op.Errors = append(op.Errors, http.StatusUnauthorized)
	case platformAdmin:
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	case ofTenant:
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusNotFound)
	}
	op.Security = []map[string][]string{}
	if r.access != public {
		op.Security = []map[string][]string{{bearerScheme: {}}}
	}
	if r.hasBody {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType)
	}
	if op.RejectUnknownQueryParameters {
		op.Errors = append(op.Errors, http.StatusUnprocessableEntity)
	}
	return op
}

// in puts the route under a heading of the document.
func (r route) in(tag string) route {
	r.op.Tags = []string{tag}
	return r
}

// saying adds a description.
func (r route) saying(description string) route {
	r.op.Description = description
	return r
}

// failing adds statuses that the rule doesn't imply.
func (r route) failing(statuses ...int) route {
	r.op.Errors = append(r.op.Errors, statuses...)
	return r
}

// answering sets the status of success where it isn't 200, or 204 without a body.
func (r route) answering(status int) route {
	r.op.DefaultStatus = status
	return r
}
