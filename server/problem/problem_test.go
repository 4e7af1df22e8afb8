package problem_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/problem"
)

const canary = "xoxb-canary-4711"

func TestHumaErrorsContainNoValues(t *testing.T) {
	t.Parallel()
	problem.Install()

	tests := []struct {
		name    string
		detail  huma.ErrorDetail
		field   string
		message string
		code    problem.FieldCode
		limit   int64
	}{
		{"a rule", huma.ErrorDetail{Location: "body.slug", Message: "expected length <= 63", Value: canary}, "body.slug", "expected length <= 63", problem.FieldTooLong, 63},
		{"a parser's words", huma.ErrorDetail{Location: "body.email", Message: "expected string to be RFC 5322 email: mail: " + canary, Value: canary}, "body.email", "expected string to be RFC 5322 email", problem.FieldFormat, 0},
		{"a missing field", huma.ErrorDetail{Location: "body", Message: "expected required property name to be present", Value: map[string]any{"x": canary}}, "body.name", "required", problem.FieldRequired, 0},
		{"an unknown field", huma.ErrorDetail{Location: "body.is_boss", Message: "unexpected property", Value: canary}, "body.is_boss", "unexpected property", problem.FieldUnknown, 0},
		{"an unknown field whose name could be a secret", huma.ErrorDetail{Location: "body." + canary, Message: "unexpected property"}, "body.*", "unexpected property", problem.FieldUnknown, 0},
		{"a place in a list", huma.ErrorDetail{Location: "body.tool_assignments[3]", Message: "expected object", Value: canary}, "body.tool_assignments[3]", "expected object", problem.FieldType, 0},
		{"a header", huma.ErrorDetail{Location: "header.If-Match", Message: "expected length <= 100", Value: canary}, "header.If-Match", "expected length <= 100", problem.FieldTooLong, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status := http.StatusUnprocessableEntity
			err := huma.NewError(status, "validation failed for "+canary, &tt.detail)
			body, marshalErr := json.Marshal(err)
			require.NoError(t, marshalErr)
			require.NotContains(t, string(body)+err.Error(), canary)

			var p problem.Problem
			require.NoError(t, json.Unmarshal(body, &p))
			require.Equal(t, status, p.Status)
			require.Equal(t, problem.CodeValidation, p.Code)
			want := problem.Field{Field: tt.field, Code: tt.code, Message: tt.message}
			if tt.limit > 0 {
				want.Limit = &tt.limit
			}
			require.Equal(t, []problem.Field{want}, p.Errors)
		})
	}
}

func TestInternalErrorsHideTheCause(t *testing.T) {
	t.Parallel()
	problem.Install()

	cause := errors.New("broke on " + canary)
	for _, status := range []int{http.StatusInternalServerError, http.StatusTeapot} {
		err := huma.NewErrorWithContext(nil, status, canary, cause)
		require.Equal(t, http.StatusInternalServerError, err.GetStatus())
		body, marshalErr := json.Marshal(err)
		require.NoError(t, marshalErr)
		require.NotContains(t, string(body)+err.Error(), canary)
		require.ErrorIs(t, err.(error), cause, "the log gets it")
	}
}

func TestFieldsAreBounded(t *testing.T) {
	t.Parallel()
	problem.Install()

	faults := make([]error, 1000)
	for i := range faults {
		faults[i] = &huma.ErrorDetail{Location: "body.name", Message: "unexpected property"}
	}
	p, ok := huma.NewError(http.StatusUnprocessableEntity, "", faults...).(*problem.Problem)
	require.True(t, ok)
	require.Len(t, p.Errors, 20)
}

func TestWrite(t *testing.T) {
	t.Parallel()

	w := httptest.NewRecorder()
	problem.New(problem.CodeOverloaded).RetryAfter(1200 * time.Millisecond).Write(w)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
	require.Equal(t, "2", w.Header().Get("Retry-After"), "rounded up")
	require.JSONEq(t, `{"type":"about:blank","title":"Service Unavailable","status":503,"code":"overloaded","retry_after":2,
		"detail":"The service is overloaded; retry after retry_after seconds."}`, w.Body.String())
}

func TestCodesAreDistinct(t *testing.T) {
	t.Parallel()

	seen := map[problem.Code]bool{}
	for _, code := range problem.Codes() {
		require.False(t, seen[code], code)
		seen[code] = true
	}
}
