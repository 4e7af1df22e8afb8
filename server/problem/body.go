package problem

import (
	"net/http"
	"strings"
)

// Rule is a rule for request bodies that is checked before the schema. Its text is the message.
type Rule string

// The rules.
const (
	RuleJSON       Rule = "expected valid JSON in UTF-8"
	RuleRepeated   Rule = "expected unique property names"
	RuleNUL        Rule = "expected text without U+0000"
	RuleDepth      Rule = "expected at most 32 levels of nesting"
	RuleContainers Rule = "expected at most 10000 objects and arrays"
	RuleDigits     Rule = "expected a number of at most 400 characters in plain decimal form"
	RuleSize       Rule = "expected a body of at most 1 MiB with numbers in plain decimal form"
)

// BodyError is a violated rule and its position. Its text contains both, because huma keeps only the text of an error.
type BodyError struct {
	Rule    Rule
	Pointer string // RFC 6901; empty for the whole body
}

const separator = " @ "

// Error implements error.
func (e BodyError) Error() string { return string(e.Rule) + separator + e.Pointer }

// bodyField parses the text of a BodyError. The status is 0 for other errors.
func bodyField(message string) (field Field, status int) {
	text, pointer, found := strings.Cut(message, separator)
	if !found {
		return Field{}, 0
	}
	field = Field{Field: location("body" + dotted(pointer)), Message: text}
	switch Rule(text) {
	case RuleJSON:
		field.Code = FieldMalformed
	case RuleRepeated:
		field.Code = FieldRepeated
	case RuleNUL:
		field.Code = FieldCharacter
	case RuleDepth:
		field.Code = FieldTooDeep
	case RuleDigits:
		field.Code, field.Limit = FieldTooLong, limit("400")
		return field, http.StatusUnprocessableEntity
	case RuleContainers:
		field.Code, field.Limit = FieldTooLong, limit("10000")
		return field, http.StatusUnprocessableEntity
	case RuleSize:
		field.Code = FieldTooLong
		return field, http.StatusRequestEntityTooLarge
	default:
		return Field{}, 0
	}
	return field, http.StatusBadRequest
}

// dotted converts a JSON pointer to the path of a field: /a/0/b is .a[0].b.
func dotted(pointer string) string {
	var path strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch {
		case part == "":
		case index.MatchString("[" + part + "]"):
			path.WriteString("[" + part + "]")
		default:
			path.WriteString("." + part)
		}
	}
	return path.String()
}
