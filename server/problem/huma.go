package problem

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// The longest list of fields that one answer names.
const maxFields = 20

// fieldName is what a field's name may look like to be repeated. A caller chooses the names of unknown fields: one with a
// digit or a hyphen in it could be a token in the wrong place.
var fieldName = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)

// index is a place in an array.
var index = regexp.MustCompile(`^\[\d{1,6}\]$`)

// required is huma's message about a missing field; the name in it is from our schema.
var required = regexp.MustCompile(`^expected required property (\w+) to be present$`)

//nolint:gochecknoglobals // as global as huma's variables, which it guards
var installed sync.Once

// Install makes huma report in our form, and take a field's name only in its exact spelling. Huma keeps both for the
// whole process; the first call sets them.
func Install() {
	installed.Do(func() {
		huma.NewError = fromHuma
		huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, errs ...error) huma.StatusError {
			return fromHuma(status, msg, errs...)
		}
		// Otherwise {"slug": valid, "SLUG": invalid} is validated by the one and stored by the other.
		huma.ValidateStrictCasing = true
	})
}

// unreadableBody is huma's message about a body whose reading failed, for which it takes the blame.
const unreadableBody = "cannot read request body"

// fromHuma keeps of huma's error which field breaks which rule. The values, and messages of its own making, are
// dropped: both repeat what was submitted.
func fromHuma(status int, message string, errs ...error) huma.StatusError {
	if status == http.StatusInternalServerError && message == unreadableBody {
		return General(http.StatusBadRequest) // the client went away, or cut its body short
	}
	p := General(status)
	for _, err := range errs {
		d, ok := errors.AsType[*huma.ErrorDetail](err)
		if !ok || d == nil || p.Status >= 500 {
			continue
		}
		if f, status := bodyField(d.Message); status != 0 {
			p = General(status)
			p.Errors = []Field{f}
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

// location repeats a path without the parts that only a caller could have chosen.
func location(path string) string {
	if strings.HasPrefix(path, "header.") {
		return path // ours: a header that isn't declared is never looked at
	}
	parts := strings.Split(strings.ReplaceAll(path, "[", ".["), ".")
	for i, part := range parts {
		if !fieldName.MatchString(part) && !index.MatchString(part) {
			parts[i] = "*"
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "."), ".[", "[")
}
