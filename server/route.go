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

// access is the access rule of a route. There is no default.
type access string

const (
	// public routes require no session. Their handlers check what they must.
	public access = "public"
	// authenticated routes require a session.
	authenticated access = "authenticated"
	// platformAdmin routes require a platform admin: 403 for others.
	platformAdmin access = "platform_admin"
	// ofTenant routes require access to the tenant in their path: 404 for others.
	ofTenant access = "tenant"
)

// tenantParam is the path parameter of the tenant.
const tenantParam = "tenant_id"

// route is an operation of the API.
type route struct {
	access access
	op     huma.Operation
	// tenantTraffic is rejected while isolation is not proven. It is true for ofTenant.
	tenantTraffic bool
	hasBody       bool
	register      func(huma.API, huma.Operation)
}

// handle returns the route of a typed handler.
func handle[I, O any](
	rule access, method, path, id, summary string, handler func(context.Context, *I) (*O, error),
) route {
	return route{
		access:        rule,
		tenantTraffic: rule == ofTenant,
		hasBody:       readsBody(reflect.TypeFor[I]()),
		op: huma.Operation{
			OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: bodyLimit,
			RejectUnknownQueryParameters: rule != public, // URLs of webhooks and probes may have others
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

// page returns the route of a static page, which is not in the OpenAPI document.
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
				_, _ = ctx.BodyWriter().Write(body) // the client disconnected
			}))
		},
	}
}

// errRoute is returned when a route is invalid. The server does not start.
var errRoute = errors.New("server: route")

// check validates what the guard relies on.
func (r route) check() error {
	hasTenant := strings.Contains(r.op.Path, "{"+tenantParam+"}")
	var fault string
	switch {
	case r.access == "":
		fault = "no access rule"
	case !slices.Contains([]access{public, authenticated, platformAdmin, ofTenant}, r.access):
		fault = "unknown access rule"
	case r.access == ofTenant && !hasTenant:
		fault = "the rule tenant requires {tenant_id} in the path"
	case hasTenant && r.access != ofTenant && r.access != platformAdmin:
		fault = "a path with {tenant_id} requires the rule tenant or platform_admin"
	default:
		return nil
	}
	return fmt.Errorf("%w %s %s: %s", errRoute, r.op.Method, r.op.Path, fault)
}

// describe completes the operation with its security and error statuses.
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
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout,
			http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType)
	}
	if op.RejectUnknownQueryParameters {
		op.Errors = append(op.Errors, http.StatusUnprocessableEntity)
	}
	return op
}

// tagged sets the tag of routes, which groups them in the document.
func tagged(tag string, routes ...route) []route {
	for i := range routes {
		routes[i].op.Tags = []string{tag}
	}
	return routes
}

func (r route) description(description string) route {
	r.op.Description = description
	return r
}

// errors adds statuses that the rule does not imply.
func (r route) errors(statuses ...int) route {
	r.op.Errors = append(r.op.Errors, statuses...)
	return r
}

// success sets the status of success if it is not 200, or 204 without a body.
func (r route) success(status int) route {
	r.op.DefaultStatus = status
	return r
}
