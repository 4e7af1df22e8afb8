package problem

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// FieldCode identifies the rule that a field violates. Codes are part of the API and are never renamed.
type FieldCode string

// The field codes.
const (
	FieldRequired   FieldCode = "required"
	FieldUnknown    FieldCode = "unknown"
	FieldType       FieldCode = "type"
	FieldFormat     FieldCode = "format"
	FieldPattern    FieldCode = "pattern"
	FieldChoice     FieldCode = "choice"
	FieldTooShort   FieldCode = "too_short"
	FieldTooLong    FieldCode = "too_long"
	FieldTooFew     FieldCode = "too_few"
	FieldTooMany    FieldCode = "too_many"
	FieldTooSmall   FieldCode = "too_small"
	FieldTooLarge   FieldCode = "too_large"
	FieldRepeated   FieldCode = "repeated"
	FieldCharacter  FieldCode = "character"
	FieldTooDeep    FieldCode = "too_deep"
	FieldMalformed  FieldCode = "malformed"
	FieldTaken      FieldCode = "taken"
	FieldCursor     FieldCode = "cursor"
	FieldRedacted   FieldCode = "redacted"
	FieldDisallowed FieldCode = "disallowed"
	FieldReserved   FieldCode = "reserved"
	FieldIncorrect  FieldCode = "incorrect"
)

// FieldCodes returns all field codes.
func FieldCodes() []FieldCode {
	return []FieldCode{
		FieldRequired, FieldUnknown, FieldType, FieldFormat, FieldPattern, FieldChoice, FieldTooShort, FieldTooLong,
		FieldTooFew, FieldTooMany, FieldTooSmall, FieldTooLarge, FieldRepeated, FieldCharacter, FieldTooDeep,
		FieldMalformed,
		FieldTaken, FieldCursor, FieldRedacted, FieldDisallowed,
		FieldReserved, FieldIncorrect,
	}
}

// Schema implements [huma.SchemaProvider].
func (FieldCode) Schema(huma.Registry) *huma.Schema { return enumeration(FieldCodes()) }

// Field is an invalid field of a request. It never contains the value.
type Field struct {
	Field   string    `json:"field" doc:"Path of the field, starting with path, query, header or body." example:"body.slug"`
	Code    FieldCode `json:"code" doc:"Machine-readable code of the violated rule. New codes may be added; existing codes do not change." example:"too_long"`
	Message string    `json:"message" doc:"Human-readable form of the violated rule." example:"expected length <= 63"`
	Limit   *int64    `json:"limit,omitempty" format:"int32" doc:"The limit, if the rule has one." example:"63"`
}

// MessageText is the message of a parameter with U+0000 or invalid UTF-8.
const MessageText = "expected text in UTF-8 without U+0000"

// rules map huma's messages to codes. The first match wins.
//
//nolint:gochecknoglobals // a constant that Go cannot express
var rules = []struct {
	message *regexp.Regexp
	code    FieldCode
}{
	{regexp.MustCompile(`^(required|expected property .* to be present)`), FieldRequired},
	{regexp.MustCompile(`^(unexpected property|unknown query parameter)`), FieldUnknown},
	{regexp.MustCompile(`^expected length >= (\d+)`), FieldTooShort},
	{regexp.MustCompile(`^expected length <= (\d+)`), FieldTooLong},
	{regexp.MustCompile(`^expected array length >= (\d+)|^expected object with at least (\d+)`), FieldTooFew},
	{regexp.MustCompile(`^expected array length <= (\d+)|^expected object with at most (\d+)`), FieldTooMany},
	{regexp.MustCompile(`^expected number >=? (-?\d+)`), FieldTooSmall},
	{regexp.MustCompile(`^expected number <=? (-?\d+)`), FieldTooLarge},
	{regexp.MustCompile(`^expected array items to be unique`), FieldRepeated},
	{regexp.MustCompile(`^expected text in UTF-8`), FieldCharacter},
	{regexp.MustCompile(`^expected value to be one of`), FieldChoice},
	{regexp.MustCompile(`^expected string to match`), FieldPattern},
	{regexp.MustCompile(`^expected string to be`), FieldFormat},
	{regexp.MustCompile(`^(expected|invalid) (boolean|number|integer|float|string|array|object)`), FieldType},
}

// field converts an error of huma. Huma reports a missing field at its parent.
func field(d *huma.ErrorDetail) Field {
	if missing := required.FindStringSubmatch(d.Message); missing != nil {
		return Field{Field: location(d.Location + "." + missing[1]), Code: FieldRequired, Message: "required"}
	}
	// Some messages end with a colon and the error of a parser, which quotes the value.
	message, _, _ := strings.Cut(d.Message, ": ")
	f := Field{Field: location(d.Location), Code: FieldFormat, Message: message}
	for _, rule := range rules {
		if found := rule.message.FindStringSubmatch(message); found != nil {
			f.Code, f.Limit = rule.code, limit(found[1:]...)
			break
		}
	}
	return f
}

// limit returns the first number in texts.
func limit(texts ...string) *int64 {
	for _, text := range texts {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return &n
		}
	}
	return nil
}
