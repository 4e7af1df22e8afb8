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
	CodeTenantSuspended      Code = "tenant_suspended"
	CodeTenantPurging        Code = "tenant_purging"
	CodeWrongAccount         Code = "wrong_account"
	CodeUnprovenAddress      Code = "unproven_address"
	CodeLoginRequired        Code = "login_required"
	CodeInvalidLink          Code = "invalid_link"
	CodeLastOwner            Code = "last_owner"
	CodeLastAdmin            Code = "last_platform_admin"
	CodeLimitReached         Code = "limit_reached"
	CodeNoMail               Code = "mail_not_configured"
	CodeKeyReused            Code = "idempotency_key_reused"
	CodeInProgress           Code = "request_in_progress"
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

// definitions has the status and the default detail of each code. The first code of a status is its default.
//
//nolint:gochecknoglobals // a constant that Go cannot express
var definitions = []struct {
	code   Code
	status int
	detail string
}{
	{CodeMalformed, http.StatusBadRequest, "Send a request body that is valid JSON."},
	{
		CodeUnauthenticated, http.StatusUnauthorized,
		"Send a valid session token as Authorization: Bearer <token>.",
	},
	{CodeInvalidCredentials, http.StatusUnauthorized, "Incorrect e-mail address or password."},
	{CodeInvalidSignature, http.StatusUnauthorized, "The request signature is missing, invalid or expired."},
	{CodeForbidden, http.StatusForbidden, "Your role does not allow this."},
	{
		CodeTenantSuspended, http.StatusForbidden,
		"The tenant is suspended; a platform admin can activate it again.",
	},
	{CodeWrongAccount, http.StatusForbidden, "The invitation is for a different e-mail address."},
	{
		CodeUnprovenAddress, http.StatusForbidden,
		"Your e-mail address is not confirmed. Log out, and set a new password with a mailed link.",
	},
	{CodeNotFound, http.StatusNotFound, "Not found."},
	{
		CodeMethodNotAllowed, http.StatusMethodNotAllowed,
		"Method not allowed; the Allow header lists the allowed methods.",
	},
	{CodeRequestTimeout, http.StatusRequestTimeout, "The request body was not received in time; retry."},
	{CodeConflict, http.StatusConflict, "A unique value is already in use; choose another."},
	{
		CodeTenantNotEmpty, http.StatusConflict,
		"The tenant still has agents or channel connections; delete them first or retry with ?purge=true.",
	},
	{CodeTenantPurging, http.StatusConflict, "The tenant is being deleted."},
	{CodeLoginRequired, http.StatusConflict, "This e-mail address has an account; log in and retry."},
	{CodeLastOwner, http.StatusConflict, "A tenant needs an owner; make another member an owner first."},
	{CodeLastAdmin, http.StatusConflict, "The platform needs an admin; make another user a platform admin first."},
	{
		CodeLimitReached, http.StatusConflict,
		"The tenant has reached a limit; delete something or retry later.",
	},
	{CodeNoMail, http.StatusConflict, "This server sends no mail; ask the operator to configure it."},
	{
		CodeInProgress, http.StatusConflict,
		"A request with the same Idempotency-Key is still in progress; retry later.",
	},
	{CodeInvalidLink, http.StatusGone, "The link is invalid, expired or was already used."},
	{CodePreconditionFailed, http.StatusPreconditionFailed, "The resource was modified; fetch it and retry."},
	{CodeTooLarge, http.StatusRequestEntityTooLarge, "The request body is too large."},
	{CodeUnsupportedMedia, http.StatusUnsupportedMediaType, "Send the request body as application/json."},
	{
		CodeValidation, http.StatusUnprocessableEntity,
		"The request is invalid; fix the fields listed in errors.",
	},
	{
		CodeKeyReused, http.StatusUnprocessableEntity,
		"The Idempotency-Key was sent with another request; use a new one.",
	},
	{
		CodePreconditionRequired, http.StatusPreconditionRequired,
		"Send the resource's ETag as If-Match, or * to match any version.",
	},
	{
		CodeTooManyAttempts, http.StatusTooManyRequests,
		"Too many attempts; retry after retry_after seconds.",
	},
	{CodeInternal, http.StatusInternalServerError, "Internal error; report it with the request_id."},
	{
		CodeUnavailable, http.StatusServiceUnavailable,
		"The service is unavailable and did not process the request; retry it.",
	},
	{
		CodeOverloaded, http.StatusServiceUnavailable,
		"The service is overloaded; retry after retry_after seconds.",
	},
	{
		CodeOutcomeUnknown, http.StatusServiceUnavailable,
		"The change may have been applied; fetch the resource before you retry.",
	},
}

// Codes returns all codes.
func Codes() (codes []Code) {
	for _, d := range definitions {
		codes = append(codes, d.code)
	}
	return codes
}
