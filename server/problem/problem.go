package problem

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// ContentType is the media type of an answer that holds a [Problem] (RFC 9457, section 6.1).
const ContentType = "application/problem+json"

// RequestIDHeader names a request in its answer and in the log.
const RequestIDHeader = "X-Request-ID"

// blank is the type of a problem that its status and code describe fully (RFC 9457, section 4.2.1).
const blank = "about:blank"

// Problem is the body of every answer outside 2xx. It is an error, so that it can be returned through layers.
//
//nolint:errname // RFC 9457's word
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

// New makes a problem. Detail is a sentence for the caller, and must hold nothing that was submitted.
func New(status int, code Code, detail string) *Problem {
	return &Problem{Type: blank, Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Error implements error with the status and the code.
func (p *Problem) Error() string { return "problem " + strconv.Itoa(p.Status) + " " + string(p.Code) }

// Unwrap returns what the log should know and the caller must not.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus implements huma's StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma's HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma's ContentTypeFilter.
func (p *Problem) ContentType(string) string { return ContentType }

// With returns p with a header on its answer.
func (p *Problem) With(name, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

// RetryAfter returns p with the Retry-After header, in whole seconds and at least one.
func (p *Problem) RetryAfter(d time.Duration) *Problem {
	p.Retry = max(1, int((d+time.Second-1)/time.Second))
	return p.With("Retry-After", strconv.Itoa(p.Retry))
}

// Because returns p with a cause for the log.
func (p *Problem) Because(cause error) *Problem {
	p.cause = cause
	return p
}

// Write answers with p where huma doesn't, such as an unknown route.
func (p *Problem) Write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	p.RequestID = w.Header().Get(RequestIDHeader)
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) //nolint:errchkjson // the client is gone: nobody is left to tell
}

// General is the problem of a status without a more specific one.
func General(status int) *Problem {
	status, k := general(status)
	return New(status, k.code, k.detail)
}

// Invalid is a 422 about fields.
func Invalid(fields ...Field) *Problem {
	p := General(http.StatusUnprocessableEntity)
	p.Errors = fields
	return p
}

// NotFound is the 404 of everything that isn't there, and of everything that is another tenant's.
func NotFound() *Problem { return General(http.StatusNotFound) }

// Unauthenticated is the 401 of a missing, malformed, unknown, ended or revoked session.
func Unauthenticated() *Problem {
	return New(http.StatusUnauthorized, CodeUnauthenticated, "Send a valid session token as Authorization: Bearer <token>.").
		With("WWW-Authenticate", `Bearer realm="konstruct"`)
}

// Forbidden is the 403 of somebody who is known and may not.
func Forbidden() *Problem {
	return New(http.StatusForbidden, CodeForbidden, "This operation requires a platform admin.")
}

// Conflict is the 409 of a unique value that is taken. It doesn't say by whom; fields say which, where the caller may know.
func Conflict(fields ...string) *Problem {
	p := New(http.StatusConflict, CodeConflict, "A unique value is already in use; choose another.")
	for _, name := range fields {
		p.Errors = append(p.Errors, Field{Field: name, Code: FieldTaken, Message: "already in use"})
	}
	return p
}

// NotModified is the 304 of a resource that the client has already (RFC 9110, section 15.4.5). It has no body.
func NotModified(etag string) *Problem {
	return (&Problem{Status: http.StatusNotModified}).With("ETag", etag)
}

// Unavailable is the 503 of a request that was not carried out and can be sent again after the given time.
func Unavailable(after time.Duration) *Problem {
	return General(http.StatusServiceUnavailable).RetryAfter(after)
}

// OutcomeUnknown is the 503 of a change that may have been carried out. It has no Retry-After: a client that repeats the
// request blindly could make the change twice.
func OutcomeUnknown() *Problem {
	return New(http.StatusServiceUnavailable, CodeOutcomeUnknown,
		"The change may have been applied; fetch the resource before you retry.")
}

// Overloaded is the 503 of a server that has more to do than it takes on.
func Overloaded(after time.Duration) *Problem {
	return New(http.StatusServiceUnavailable, CodeOverloaded, "The service is overloaded; retry after retry_after seconds.").RetryAfter(after)
}
