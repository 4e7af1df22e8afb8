package server

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/konstruct/konstruct/ent/tenant"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/audit"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

// guard applies the route's access rule before the body is read.
func (s *Server) guard(r route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if p := unreadable(ctx, r); p != nil {
			s.reject(ctx, p)
			return
		}
		if err := s.isolation.Healthy(); r.tenantTraffic && err != nil {
			s.reject(ctx, problem.New(problem.CodeUnavailable).Because(err))
			return
		}
		if r.access == public {
			next(ctx)
			return
		}
		authorized, err := s.authorize(ctx, r)
		if err != nil {
			s.reject(ctx, failureFor(ctx.Context(), err))
			return
		}
		if p := malformed(ctx); p != nil {
			s.reject(ctx, p)
			return
		}
		prepared, p := prepareKey(authorized, r)
		if p != nil {
			s.reject(ctx, p)
			return
		}
		next(prepared)
		s.logChange(prepared, r.op.OperationID)
	}
}

// unreadable rejects a body by its headers.
func unreadable(ctx huma.Context, r route) *problem.Problem {
	if !r.hasBody {
		return nil
	}
	if length, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64); err == nil &&
		length >= r.op.MaxBodyBytes {
		return problem.New(problem.CodeTooLarge).With("Connection", "close")
	}
	if encoding := ctx.Header("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem.New(problem.CodeUnsupportedMedia).
			WithDetail("Send the request body without a Content-Encoding.").
			With("Accept-Encoding", "identity") // RFC 9110, section 12.5.3
	}
	mediaType := ctx.Header("Content-Type")
	_, parameters, err := mime.ParseMediaType(mediaType)
	if mediaType != "" && err != nil { // such as two charsets
		return problem.New(problem.CodeUnsupportedMedia)
	}
	if charset := parameters["charset"]; charset != "" && charset != "utf-8" && charset != "utf8" {
		return problem.New(problem.CodeUnsupportedMedia).WithDetail("Send the request body in UTF-8.")
	}
	return nil
}

// malformed rejects a query that net/url parses only in part, a repeated parameter, of which huma reads the first, and
// an id that is not canonical, since no resource has it.
func malformed(ctx huma.Context) *problem.Problem {
	address := ctx.URL()
	query, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return problem.Invalid(problem.Field{
			Field: "query", Code: problem.FieldMalformed, Message: "expected a valid URL-encoded query",
		})
	}
	for _, param := range ctx.Operation().Parameters {
		if param.In == "query" && len(query[param.Name]) > 1 {
			return problem.Invalid(problem.Field{
				Field: "query." + param.Name, Code: problem.FieldRepeated, Message: "expected a single value",
			})
		}
		if _, err := tenancy.Parse(ctx.Param(param.Name)); param.In == "path" && err != nil {
			return problem.NotFound()
		}
	}
	return nil
}

// authorize applies the rule. A tenant is added to the context only after the access check.
func (s *Server) authorize(ctx huma.Context, r route) (huma.Context, error) {
	// An invalid id parses to the zero ID, which no principal may access.
	id, _ := tenancy.Parse(ctx.Param(tenantParam))
	requestOf(ctx.Context()).setObjectFromPath(ctx)
	if err := s.permit(ctx.Context(), ctx, r, id); err != nil {
		return nil, err
	}
	request := requestOf(ctx.Context())
	request.permitted = s.clock()
	request.permit = func(again context.Context) error { return s.permit(again, ctx, r, id) }
	if !r.access.ofTenant() {
		return ctx, nil
	}
	return s.enter(ctx, id)
}

// permit authenticates the session and applies the rule to its user in the tenant, if any.
func (s *Server) permit(ctx context.Context, sent huma.Context, r route, id tenancy.ID) error {
	principal, err := s.sessions.Authenticate(ctx, bearer(sent.Header("Authorization")), id)
	if err != nil {
		return err
	}
	requestOf(ctx).principal = principal
	s.warn(ctx, "last_seen_at of a session was not updated", principal.Warning)
	switch {
	case r.access == authenticated:
		return nil
	case r.access == platformAdmin:
		if !principal.IsAdmin {
			return problem.New(problem.CodeForbidden)
		}
		return nil
	case !r.access.ofTenant():
		return fmt.Errorf("server: unknown access rule %q", r.access)
	}
	if p := r.forbids(principal, sent.Param(userParam)); p != nil {
		return p
	}
	return nil
}

// slowBody is how long a body may take until the access is checked again, so that an unfinished request does not keep
// it.
const slowBody = time.Second

// permitAgain applies the rule of the context's request again, for example once its change holds its locks.
func permitAgain(ctx context.Context) error {
	if permit := requestOf(ctx).permit; permit != nil {
		return permit(ctx)
	}
	return nil
}

// permitSlow applies the rule again, unless it was applied just now.
func (s *Server) permitSlow(ctx context.Context) error {
	if s.clock().Sub(requestOf(ctx).permitted) < slowBody {
		return nil
	}
	return permitAgain(ctx)
}

// forbids returns the problem of a principal who may not use the route in the tenant, on the user in the path, if any.
// A tenant without a role for the principal is the same as none.
func (r route) forbids(p account.Principal, user string) *problem.Problem {
	status, changes := tenant.Status(p.TenantStatus), r.op.Method != http.MethodGet
	switch {
	case p.TenantStatus == "", !p.IsAdmin && p.Role == "", !p.IsAdmin && status == tenant.StatusPurging:
		return problem.NotFound()
	case p.IsAdmin && status == tenant.StatusPurging && changes:
		return problem.New(problem.CodeTenantPurging)
	case p.IsAdmin:
		return nil
	case status == tenant.StatusSuspended:
		return problem.New(problem.CodeTenantSuspended)
	case r.self && user == p.ID.String():
		return nil
	case !p.Role.Includes(account.Role(r.access)):
		return problem.New(problem.CodeForbidden)
	}
	return nil
}

// property is a property of a body, and whether it was sent.
type property struct {
	name string
	sent bool
}

// reserve refuses properties that only a platform admin may send.
func reserve(ctx context.Context, properties ...property) error {
	if requestOf(ctx).principal.IsAdmin {
		return nil
	}
	p := problem.New(problem.CodeForbidden)
	for _, one := range properties {
		if one.sent {
			p.Errors = append(p.Errors, problem.Field{
				Field: "body." + one.name, Code: problem.FieldReserved, Message: "reserved to platform admins",
			})
		}
	}
	if p.Errors == nil {
		return nil
	}
	return p
}

// enter returns a context with the tenant. That a platform admin enters it is recorded before anything is read.
func (s *Server) enter(ctx huma.Context, id tenancy.ID) (huma.Context, error) {
	r := requestOf(ctx.Context())
	r.tenant = id
	entered := tenancy.With(ctx.Context(), id)
	if r.principal.IsAdmin {
		if err := s.recordEntry(entered); err != nil {
			return nil, err
		}
	}
	return huma.WithContext(ctx, entered), nil
}

// recordEntry records that the platform admin enters the context's tenant.
func (s *Server) recordEntry(ctx context.Context) error {
	r := requestOf(ctx)
	return s.audit.Enter(ctx, r.principal.SessionID, audit.Event{
		ActorID: r.principal.ID, RequestID: r.id, Address: r.client,
	})
}

// reject writes the problem as the response.
func (s *Server) reject(ctx huma.Context, p *problem.Problem) {
	requestOf(ctx.Context()).failed(p)
	p.Write(humagin.Unwrap(ctx).Writer)
}

// bearer returns the token of an Authorization header (RFC 6750, section 2.1), or "".
func bearer(header string) string {
	scheme, token, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
