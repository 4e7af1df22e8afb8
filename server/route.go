package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/konstruct/konstruct/server/account"
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
	// viewer, editor and owner routes require that role, or a higher one, in the tenant in their path: 404 for users
	// without a role in it, and 403 for a lower one. Platform admins have access to every tenant.
	viewer = access(account.Viewer)
	editor = access(account.Editor)
	owner  = access(account.Owner)
)

// ofTenant reports whether the rule is about a role in the tenant in the path.
func (a access) ofTenant() bool { return a == viewer || a == editor || a == owner }

// The path parameters that the guard reads.
const (
	tenantParam = "tenant_id"
	userParam   = "user_id"
)

// route is an operation of the API.
type route struct {
	access access
	op     huma.Operation
	// tenantTraffic is rejected while isolation is not proven. It is true for rules of a tenant.
	tenantTraffic bool
	hasBody       bool
	// transaction says that the handler runs in one transaction with its audit event; see perform.
	transaction bool
	// keyed says that the route takes an Idempotency-Key.
	keyed bool
	// self says that the member in the path may use the route with any role.
	self     bool
	register func(*Server, huma.API, huma.Operation, route)
}

// handle returns the route of a typed handler.
func handle[I, O any](
	rule access, method, path, id, summary string, handler func(context.Context, *I) (*O, error),
) route {
	return handlePrepared(rule, method, path, id, summary,
		func(_ context.Context, in *I) (*I, error) { return in, nil }, handler)
}

// handlePrepared returns the route of a handler that takes what prepare returns. Prepare runs before the transaction,
// for work such as hashing a password.
func handlePrepared[I, P, O any](
	rule access, method, path, id, summary string,
	prepare func(context.Context, *I) (P, error), handler func(context.Context, P) (*O, error),
) route {
	return route{
		access:        rule,
		tenantTraffic: rule.ofTenant(),
		transaction:   method != http.MethodGet && rule != public,
		hasBody:       readsBody(reflect.TypeFor[I]()),
		op: huma.Operation{
			OperationID: id, Method: method, Path: path, Summary: summary, MaxBodyBytes: bodyLimit,
			RejectUnknownQueryParameters: rule != public, // URLs of webhooks and probes may have others
		},
		register: func(s *Server, api huma.API, op huma.Operation, r route) {
			huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
				if r.transaction {
					requestOf(ctx).note(slog.Any("fields", givenFields(in)))
				}
				if err := s.permitSlow(ctx); err != nil {
					return nil, failureFor(ctx, err)
				}
				prepared, err := prepare(ctx, in)
				if err != nil {
					return nil, failureFor(ctx, err)
				}
				out, err := perform(ctx, s, r, func(ctx context.Context) (*O, error) { return handler(ctx, prepared) })
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
		register: func(_ *Server, api huma.API, op huma.Operation, _ route) {
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
	case !slices.Contains([]access{public, authenticated, platformAdmin, viewer, editor, owner}, r.access):
		fault = "unknown access rule"
	case r.access.ofTenant() && !hasTenant:
		fault = "the rule of a role requires {tenant_id} in the path"
	case hasTenant && !r.access.ofTenant() && r.access != platformAdmin:
		fault = "a path with {tenant_id} requires the rule of a role or platform_admin"
	case r.keyed && !r.transaction:
		fault = "an Idempotency-Key is kept in the request's transaction, and the route has none"
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
	case viewer, editor, owner:
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
		if r.transaction {
			op.Errors = append(op.Errors, http.StatusConflict) // the tenant is being deleted
		}
	}
	op.Description = strings.TrimSpace(op.Description + " " + r.access.prose())
	if r.self {
		op.Description += " Members may remove themselves."
	}
	if r.keyed {
		op.Parameters = append(op.Parameters, keyParameter())
		op.Errors = append(op.Errors, http.StatusConflict)
	}
	op.Security = []map[string][]string{}
	if r.access != public {
		op.Security = []map[string][]string{{bearerScheme: {}}}
	}
	if r.hasBody {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout,
			http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if op.RejectUnknownQueryParameters {
		op.Errors = append(op.Errors, http.StatusUnprocessableEntity)
	}
	return op
}

// prose is the rule in the words of the document.
func (a access) prose() string {
	switch a {
	case public:
		return "No session is required."
	case authenticated:
		return "Any portal user."
	case platformAdmin:
		return "Platform admins only."
	case viewer:
		return "Any member of the tenant, and platform admins."
	case editor:
		return "Editors and owners of the tenant, and platform admins."
	case owner:
		return "Owners of the tenant, and platform admins."
	}
	return ""
}

func keyParameter() *huma.Param {
	least, most := 1, 255
	return &huma.Param{
		Name: keyHeader, In: "header",
		Description: "Makes a retry safe. A request with the same key and body within 24 hours returns the first " +
			"answer, without its secrets, and the header " + replayedHeader + ". Returns 422 if the body differs, " +
			"and 409 while the first is in progress.",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most, Pattern: "^[!-~]+$"},
	}
}

// withKey lets a route take an Idempotency-Key.
func (r route) withKey() route {
	r.keyed = true
	return r
}

// withTenantTraffic is for routes that reach tenants' rows without the rule of a role.
func (r route) withTenantTraffic() route {
	r.tenantTraffic = true
	return r
}

// orSelf also lets a member of any role use a route on themselves.
func (r route) orSelf() route {
	r.self = true
	return r
}

// withoutTransaction is for handlers that do more than the database's work, such as hashing a password. They record
// their own audit event.
func (r route) withoutTransaction() route {
	r.transaction = false
	return r
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
