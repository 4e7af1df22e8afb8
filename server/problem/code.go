package problem

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Code identifies a kind of problem. Codes are part of the API and are never renamed.
type Code string

// The codes.
const (
	CodeMalformed            Code = "malformed_request"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeInvalidCredentials   Code = "invalid_credentials" //nolint:gosec // not a credential
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

// Schema implements [huma.SchemaProvider].
func (Code) Schema(huma.Registry) *huma.Schema { return enumeration(Codes()) }

// enumeration returns the schema of a closed set of strings.
func enumeration[T ~string](values []T) *huma.Schema {
	schema := &huma.Schema{Type: huma.TypeString}
	for _, value := range values {
		schema.Enum = append(schema.Enum, string(value))
	}
	return schema
}

// Codes returns all codes.
func Codes() []Code {
	return []Code{
		CodeMalformed, CodeUnauthenticated, CodeInvalidCredentials, CodeInvalidSignature, CodeForbidden, CodeNotFound,
		CodeMethodNotAllowed, CodeRequestTimeout, CodeConflict, CodeTenantNotEmpty, CodePreconditionFailed,
		CodeTooLarge,
		CodeUnsupportedMedia, CodeValidation, CodePreconditionRequired, CodeTooManyAttempts, CodeInternal,
		CodeOverloaded,
		CodeUnavailable, CodeOutcomeUnknown,
	}
}

// kind is the default code and detail of a status.
type kind struct {
	code   Code
	detail string
}

// general returns the default of a status. An unlisted status becomes a 500.
func general(status int) (int, kind) {
	switch status {
	case http.StatusBadRequest:
		return status, kind{CodeMalformed, "Send a request body that is valid JSON."}
	case http.StatusNotFound:
		return status, kind{CodeNotFound, "Not found."}
	case http.StatusMethodNotAllowed:
		return status, kind{CodeMethodNotAllowed, "Method not allowed; the Allow header lists the allowed methods."}
	case http.StatusRequestTimeout:
		return status, kind{CodeRequestTimeout, "The request body was not received in time; retry."}
	case http.StatusRequestEntityTooLarge:
		return status, kind{CodeTooLarge, "The request body is too large."}
	case http.StatusUnsupportedMediaType:
		return status, kind{CodeUnsupportedMedia, "Send the request body as application/json."}
	case http.StatusUnprocessableEntity:
		return status, kind{CodeValidation, "The request is invalid; fix the fields listed in errors."}
	case http.StatusServiceUnavailable:
		return status, kind{CodeUnavailable, "The service is unavailable and did not process the request; retry it."}
	}
	return http.StatusInternalServerError, kind{CodeInternal, "Internal error; report it with the request_id."}
}
