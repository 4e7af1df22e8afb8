package problem

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// ContentType is the media type of a [Problem] (RFC 9457, section 6.1).
const ContentType = "application/problem+json"

// RequestIDHeader is the header with the id of a request, which is also logged.
const RequestIDHeader = "X-Request-ID"

// blank is the type of a problem without a type of its own (RFC 9457, section 4.2.1).
const blank = "about:blank"

// Problem is the body of every response outside 2xx and 3xx.
//
//nolint:errname // the name in RFC 9457
type Problem struct {
	Type   string  `json:"type" doc:"Always about:blank. Use code to identify the problem." example:"about:blank"`
	Title  string  `json:"title" doc:"The HTTP status text." example:"Unprocessable Entity"`
	Status int     `json:"status" format:"int32" doc:"The HTTP status code." example:"422"`
	Code   Code    `json:"code" doc:"Machine-readable code. New codes may be added; existing codes do not change." example:"validation_failed"`
	Detail string  `json:"detail" doc:"Human-readable explanation. The wording may change."`
	Errors []Field `json:"errors,omitempty" doc:"The invalid fields, if any."`

	RequestID string `json:"request_id,omitempty" doc:"The X-Request-ID of the request. Include it when you report a problem."`
	Retry     int    `json:"retry_after,omitempty" format:"int32" doc:"Seconds to wait before a retry, as in the Retry-After header." example:"1"`

	header http.Header
	cause  error
}

// New creates a problem. Detail must not contain submitted data.
func New(status int, code Code, detail string) *Problem {
	return &Problem{Type: blank, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Error implements error.
func (p *Problem) Error() string { return "problem " + strconv.Itoa(p.Status) + " " + string(p.Code) }

// Unwrap returns the cause, for the log only.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus implements huma's StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma's HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma's ContentTypeFilter.
func (p *Problem) ContentType(string) string { return ContentType }

// With sets a response header and returns p.
func (p *Problem) With(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// RetryAfter sets Retry-After, in whole seconds and at least 1, and returns p.
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	p.Retry = max(1, int((d+time.Second-1)/time.Second))
	return p.With("Retry-After", strconv.Itoa(p.Retry))
}

// Because sets the cause for the log and returns p.
func (p *Problem) Because(cause error) *Problem {
	p.cause = cause
	return p
}

// Write writes p as the response outside huma, such as for an unknown route.
func (p *Problem) Write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	p.RequestID = w.Header().Get(RequestIDHeader)
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) //nolint:errchkjson // the client disconnected
}

// General returns the default problem of a status.
func General(status int) *Problem {
	status, k := general(status)
	return New(status, k.code, k.detail)
}

// Invalid returns a 422 for fields.
func Invalid(fields ...Field) *Problem {
	p := General(http.StatusUnprocessableEntity)
	p.Errors = fields
	return p
}

// NotFound returns a 404, the same for missing rows and those of other tenants.
func NotFound() *Problem { return General(http.StatusNotFound) }

// Unauthenticated returns a 401 for a missing or invalid session.
func Unauthenticated() *Problem {
	return New(http.StatusUnauthorized, CodeUnauthenticated,
		"Send a valid session token as Authorization: Bearer <token>.").With("WWW-Authenticate",
		`Bearer realm="konstruct"`)
}

// Forbidden returns a 403 for a principal without the platform admin role.
func Forbidden() *Problem {
	return New(http.StatusForbidden, CodeForbidden, "This operation requires a platform admin.")
}

// Conflict returns a 409 for a unique value in use. Fields are given only to callers who may learn them.
func Conflict(fields ...string) *Problem {
	p := New(http.StatusConflict, CodeConflict, "A unique value is already in use; choose another.")
	for _, name := range fields {
		p.Errors = append(p.Errors, Field{Field: name, Code: FieldTaken, Message: "already in use"})
	}
	return p
}

// NotModified returns a 304, which has no body (RFC 9110, section 15.4.5).
func NotModified(etag string) *Problem {
	return (&Problem{Status: http.StatusNotModified}).With("ETag", etag)
}

// Unavailable returns a 503 for a request that was not processed and can be retried.
func Unavailable(after time.Duration) *Problem {
	return General(http.StatusServiceUnavailable).RetryAfter(after)
}

// OutcomeUnknown returns a 503 for a change that may have been applied. It has no Retry-After, because a blind retry
// could apply the change twice.
func OutcomeUnknown() *Problem {
	return New(http.StatusServiceUnavailable, CodeOutcomeUnknown,
		"The change may have been applied; fetch the resource before you retry.")
}

// Overloaded returns a 503 for a request that was rejected because of too much load.
func Overloaded(after time.Duration) *Problem {
	return New(http.StatusServiceUnavailable, CodeOverloaded,
		"The service is overloaded; retry after retry_after seconds.").RetryAfter(after)
}
