package problem

import "net/http"

// Code names a kind of failure. Codes are part of the API: they are added to, never renamed.
type Code string

// The codes.
const (
	CodeMalformed            Code = "malformed_request"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeInvalidCredentials   Code = "invalid_credentials" //nolint:gosec // a code, no credentials
	CodeInvalidSignature     Code = "invalid_signature"
	CodeForbidden            Code = "forbidden"
	CodeNotFound             Code = "not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeRequestTimeout       Code = "request_timeout"
	CodeConflict             Code = "already_taken"
	CodeTenantNotEmpty       Code = "tenant_not_empty"
	CodePreconditionFailed   Code = "precondition_failed"
	CodeTooLarge             Code = "request_too_large"
	CodeUnsupportedMedia     Code = "unsupported_media_type"
	CodeValidation           Code = "validation_failed"
	CodePreconditionRequired Code = "precondition_required"
	CodeTooManyAttempts      Code = "too_many_attempts"
	CodeInternal             Code = "internal_error"
	CodeOverloaded           Code = "overloaded"
	CodeUnavailable          Code = "unavailable"
	CodeOutcomeUnknown       Code = "outcome_unknown"
)

// Codes lists every code, in the order of their statuses, for the API's description.
func Codes() []Code {
	return []Code{
		CodeMalformed, CodeUnauthenticated, CodeInvalidCredentials, CodeInvalidSignature, CodeForbidden, CodeNotFound,
		CodeMethodNotAllowed, CodeRequestTimeout, CodeConflict, CodeTenantNotEmpty, CodePreconditionFailed, CodeTooLarge,
		CodeUnsupportedMedia, CodeValidation, CodePreconditionRequired, CodeTooManyAttempts, CodeInternal, CodeOverloaded,
		CodeUnavailable, CodeOutcomeUnknown,
	}
}

// kind is the code and the sentence that stand for a status when nobody knows better.
type kind struct {
	code   Code
	detail string
}

// general says what huma's errors, which come with a status only, are called here. A status that is not listed
// counts as the server's own fault.
func general(status int) (int, kind) {
	switch status {
	case http.StatusBadRequest:
		return status, kind{CodeMalformed, "The request can't be read. Is its body JSON, and is it there?"}
	case http.StatusNotFound:
		return status, kind{CodeNotFound, "There is nothing here."}
	case http.StatusMethodNotAllowed:
		return status, kind{CodeMethodNotAllowed, "This address doesn't know the method. The Allow header lists those it knows."}
	case http.StatusRequestTimeout:
		return status, kind{CodeRequestTimeout, "The request's body didn't arrive in time."}
	case http.StatusRequestEntityTooLarge:
		return status, kind{CodeTooLarge, "The request's body is too large."}
	case http.StatusUnsupportedMediaType:
		return status, kind{CodeUnsupportedMedia, "The request's body must be application/json."}
	case http.StatusUnprocessableEntity:
		return status, kind{CodeValidation, "The request breaks a rule. The errors name the fields."}
	case http.StatusServiceUnavailable:
		return status, kind{CodeUnavailable, "The service is unavailable. The request was not carried out; retry it."}
	}
	return http.StatusInternalServerError, kind{CodeInternal, "Something went wrong on our side. The request id helps us find it."}
}
