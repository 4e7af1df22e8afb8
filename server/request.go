package server

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/google/uuid"

	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/server/problem"
	"github.com/konstruct/konstruct/tenancy"
)

// wellFormedID is what somebody else's request id must look like: a UUID, or a trace's id in hexadecimal. Anything
// freer would let a token into the log, and into the answer.
var wellFormedID = regexp.MustCompile(`^[0-9a-fA-F-]{16,64}$`)

// request is what is known of the request at hand. The guard and the handlers add to it, and the log reads it.
type request struct {
	id        string
	route     string // the template, never the path
	client    string // its address as the trusted proxies say, or the peer's; "" where there is none, as on a unix socket
	principal account.Principal
	tenant    tenancy.ID
	object    string      // what the request is about, as type/id
	detail    []slog.Attr // what the audit log says besides
	code      problem.Code
	cause     error       // of a failure of the server
	panicked  []slog.Attr // the value and the stack
}

// failed notes the problem that the request is answered with.
func (r *request) failed(p *problem.Problem) {
	p.RequestID, r.code, r.cause = r.id, p.Code, p.Unwrap()
}

type requestKey struct{}

func withRequest(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// requestOf returns the request of ctx; outside of one, an empty one.
func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return r
	}
	return &request{}
}

// requestID takes the caller's where it is well-formed and the only one, and makes one otherwise.
func requestID(h http.Header) string {
	if given := h.Values(problem.RequestIDHeader); len(given) == 1 && wellFormedID.MatchString(given[0]) {
		return given[0]
	}
	return uuid.NewString()
}

// requestHandler adds to each line of the log which request it belongs to, whose that is, and for which tenant.
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
