package problem

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// maxFields bounds the fields of a problem.
const maxFields = 20

// fieldName matches names that a problem may contain. An unknown field with a digit or a hyphen could be a misplaced
// token.
var fieldName = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)

// index matches an array index.
var index = regexp.MustCompile(`^\[\d{1,6}\]$`)

// required matches huma's message for a missing field; the name is from the schema.
var required = regexp.MustCompile(`^expected required property (\w+) to be present$`)

//nolint:gochecknoglobals // guards huma's global variables
var installed sync.Once

// Install makes huma return problems and match names case-sensitively, once for the whole process.
func Install() {
	installed.Do(func() {
		huma.NewError = fromHuma
		huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, errs ...error) huma.StatusError {
			return fromHuma(status, msg, errs...)
		}
		// Otherwise {"slug": valid, "SLUG": invalid} passes validation by slug and stores SLUG.
		huma.ValidateStrictCasing = true
	})
}

// unreadableBody is huma's message for a body that could not be read, which it reports as a 500.
const unreadableBody = "cannot read request body"

// fromHuma converts an error of huma to the violated rules. Values and free-form messages are dropped, because they
// contain submitted data.
func fromHuma(status int, message string, errs ...error) huma.StatusError {
	if status == http.StatusInternalServerError && message == unreadableBody {
		return New(CodeMalformed) // the client disconnected or sent a truncated body
	}
	p := ofStatus(status)
	for _, err := range errs {
		d, ok := errors.AsType[*huma.ErrorDetail](err)
		if !ok || d == nil || p.Status >= 500 {
			continue
		}
		if p := bodyProblem(d.Message); p != nil {
			return p
		}
		if len(p.Errors) < maxFields {
			p.Errors = append(p.Errors, field(d))
		}
	}
	if p.Status >= 500 && len(errs) > 0 {
		p.cause = errs[0]
	}
	return p
}

// ofStatus returns the default problem of a status. An unlisted status becomes a 500.
func ofStatus(status int) *Problem {
	for _, d := range definitions {
		if d.status == status {
			return New(d.code)
		}
	}
	return New(CodeInternal)
}

// location returns a path with arbitrary names replaced by *.
func location(path string) string {
	if strings.HasPrefix(path, "header.") {
		return path // only declared headers are validated
	}
	parts := strings.Split(strings.ReplaceAll(path, "[", ".["), ".")
	for i, part := range parts {
		if !fieldName.MatchString(part) && !index.MatchString(part) {
			parts[i] = "*"
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "."), ".[", "[")
}
