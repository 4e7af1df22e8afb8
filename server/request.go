package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

// wellFormedID matches accepted request ids: a UUID or a hexadecimal trace id. Other values could be tokens, which must
// not be logged.
var wellFormedID = regexp.MustCompile(`^[0-9a-fA-F-]{16,64}$`)

// request is the state of a request for its log lines, set by the guard and the handlers.
type request struct {
	id        string
	route     string // the template, never the path
	client    string // the address from trusted proxies or of the peer; "" on a Unix socket
	principal account.Principal
	tenant    tenancy.ID
	permit    func(context.Context) error // applies the access rule again; nil on public routes
	permitted time.Time                   // when it was applied first
	event     event
	keyed     *keyedRequest // nil without an Idempotency-Key
	mails     bool          // it queued a message
	code      problem.Code
	cause     error       // of a server failure
	panicked  []slog.Attr // the value and the stack
}

// failed records the problem in the response.
func (r *request) failed(p *problem.Problem) {
	p.RequestID, r.code, r.cause = r.id, p.Code, p.Unwrap()
}

type requestKey struct{}

func withRequest(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf returns the request of ctx, or an empty one.
func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

// requestID returns the caller's id if it is well-formed and sent once, and a new one otherwise.
func requestID(h http.Header) string {
	if given := h.Values(problem.RequestIDHeader); len(given) == 1 && wellFormedID.MatchString(given[0]) {
		return given[0]
	}
	return uuid.NewString()
}

// limitedClient returns the client address for rate limits, or zero for an address shared by many users: a trusted
// proxy, such as a portal's server, or loopback.
func (s *Server) limitedClient(r *request) netip.Addr {
	client, _ := netip.ParseAddr(r.client) // zero on a Unix socket
	client = client.Unmap()
	trusted := func(proxy netip.Prefix) bool { return proxy.Contains(client) }
	if client.IsLoopback() || slices.ContainsFunc(s.proxies, trusted) {
		return netip.Addr{}
	}
	return client
}

// requestHandler adds the request id, the principal and the tenant to each log line.
type requestHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h requestHandler) Handle(ctx context.Context, record slog.Record) error {
	r := requestOf(ctx)
	if r.id != "" {
		record.AddAttrs(slog.String("request_id", r.id))
	}
	if r.principal.ID != uuid.Nil {
		record.AddAttrs(slog.String("principal", r.principal.ID.String()))
	}
	tenant := r.tenant
	if id, err := tenancy.From(ctx); err == nil {
		tenant = id
	}
	if !tenant.IsZero() {
		record.AddAttrs(slog.String("tenant", tenant.String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements [slog.Handler].
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
