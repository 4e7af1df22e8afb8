package problem

import "strings"

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

// bodyProblem parses the text of a [BodyError]. It returns nil for other errors.
func bodyProblem(message string) *Problem {
	text, pointer, _ := strings.Cut(message, separator)
	broken := func(code Code, field FieldCode, limits ...string) *Problem {
		p := New(code)
		p.Errors = []Field{{
			Field: location("body" + dotted(pointer)), Code: field, Message: text, Limit: limit(limits...),
		}}
		return p
	}
	switch Rule(text) {
	case RuleJSON:
		return broken(CodeMalformed, FieldMalformed)
	case RuleRepeated:
		return broken(CodeMalformed, FieldRepeated)
	case RuleNUL:
		return broken(CodeMalformed, FieldCharacter)
	case RuleDepth:
		return broken(CodeMalformed, FieldTooDeep)
	case RuleDigits:
		return broken(CodeValidation, FieldTooLong, "400")
	case RuleContainers:
		return broken(CodeValidation, FieldTooLong, "10000")
	case RuleSize:
		return broken(CodeTooLarge, FieldTooLong)
	}
	return nil
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
