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

// New creates a problem, with the headers that its status requires.
func New(code Code) *Problem {
	p := &Problem{Type: blank, Code: code}
	for _, d := range definitions {
		if d.code == code {
			p.Status, p.Title, p.Detail = d.status, http.StatusText(d.status), d.detail
		}
	}
	switch code {
	case CodeUnauthenticated, CodeInvalidCredentials:
		return p.With("WWW-Authenticate", `Bearer realm="konstruct"`)
	case CodeInvalidSignature:
		return p.With("WWW-Authenticate", `Signature realm="konstruct"`)
	case CodeUnavailable, CodeOverloaded: // not for an unknown outcome: a blind retry could apply a change twice
		return p.RetryAfter(time.Second)
	default:
		return p
	}
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

// WithDetail replaces the default detail and returns p. It must not contain submitted data.
func (p *Problem) WithDetail(detail string) *Problem {
	p.Detail = detail
	return p
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

// Invalid returns a 422 for fields.
func Invalid(fields ...Field) *Problem {
	p := New(CodeValidation)
	p.Errors = fields
	return p
}

// NotFound returns a 404, the same for missing rows and those of other tenants.
func NotFound() *Problem { return New(CodeNotFound) }

// NotModified returns a 304, which has no body (RFC 9110, section 15.4.5).
func NotModified(etag string) *Problem {
	return (&Problem{Status: http.StatusNotModified}).With("ETag", etag)
}
