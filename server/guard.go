package server

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

// guard holds a request to its route's rule, before anything of it but the path and the headers is read.
func (s *Server) guard(r route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if p := unreadable(ctx, r); p != nil {
			s.refuse(ctx, p)
			return
		}
		if err := s.isolation.Healthy(); r.tenantTraffic && err != nil {
			s.refuse(ctx, problem.Unavailable(retrySoon).Because(err))
			return
		}
		if r.access == public {
			next(ctx)
			return
		}
		admitted, err := s.admit(ctx, r)
		if err != nil {
			s.refuse(ctx, failureFor(ctx.Context(), err))
			return
		}
		if p := ambiguous(ctx); p != nil {
			s.refuse(ctx, p)
			return
		}
		next(admitted)
		s.auditChange(admitted, r.op.OperationID)
	}
}

// unreadable refuses a body by its headers, before anything of it is read.
func unreadable(ctx huma.Context, r route) *problem.Problem {
	if !r.hasBody {
		return nil
	}
	if length, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64); err == nil && length >= r.op.MaxBodyBytes {
		return problem.General(http.StatusRequestEntityTooLarge).With("Connection", "close")
	}
	if encoding := ctx.Header("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMedia,
			"Send the request body without a Content-Encoding.").With("Accept-Encoding", "identity") // RFC 9110, section 12.5.3
	}
	mediaType := ctx.Header("Content-Type")
	_, parameters, err := mime.ParseMediaType(mediaType)
	if mediaType != "" && err != nil { // such as two charsets
		return problem.General(http.StatusUnsupportedMediaType)
	}
	if charset := parameters["charset"]; charset != "" && charset != "utf-8" && charset != "utf8" {
		return problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMedia, "Send the request body in UTF-8.")
	}
	return nil
}

// ambiguous refuses a query of which net/url drops a part, or huma reads only the first of several values.
func ambiguous(ctx huma.Context) *problem.Problem {
	address := ctx.URL()
	query, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return problem.Invalid(problem.Field{Field: "query", Code: problem.FieldMalformed, Message: "expected a valid URL-encoded query"})
	}
	for _, param := range ctx.Operation().Parameters {
		if param.In == "query" && len(query[param.Name]) > 1 {
			return problem.Invalid(problem.Field{
				Field: "query." + param.Name, Code: problem.FieldRepeated, Message: "expected a single value",
			})
		}
	}
	return nil
}

// admit looks the session up and decides. Access to a tenant is decided before the tenant enters the context.
func (s *Server) admit(ctx huma.Context, r route) (huma.Context, error) {
	// A tenant's id that is none names no tenant: the zero ID, which nobody may enter.
	about, _ := tenancy.Parse(ctx.Param(tenantParam))
	principal, err := s.sessions.Authenticate(ctx.Context(), bearer(ctx.Header("Authorization")), about)
	if err != nil {
		return nil, err
	}
	requestOf(ctx.Context()).principal = principal
	requestOf(ctx.Context()).aboutPath(ctx)
	s.warn(ctx.Context(), "last_seen_at of a session was not updated", principal.Warning)
	switch r.access {
	case authenticated:
		return ctx, nil
	case platformAdmin:
		if !principal.IsAdmin {
			return nil, problem.Forbidden()
		}
		return ctx, nil
	case ofTenant:
		if !mayEnter(principal) {
			return nil, problem.NotFound()
		}
		return s.enter(ctx, about), nil
	case public:
	}
	return nil, errors.New("server: a rule that nobody decides")
}

// mayEnter decides who may enter the tenant that the session was looked up about: a platform admin, if there is one.
func mayEnter(p account.Principal) bool { return p.IsAdmin && p.TenantExists }

// enter works for the tenant from here on, and puts on record who does.
func (s *Server) enter(ctx huma.Context, id tenancy.ID) huma.Context {
	requestOf(ctx.Context()).tenant = id
	entered := tenancy.With(ctx.Context(), id)
	s.auditEntry(entered, ctx.Method())
	return huma.WithContext(ctx, entered)
}

// refuse answers in huma's stead.
func (s *Server) refuse(ctx huma.Context, p *problem.Problem) {
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
