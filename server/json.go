package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/konstruct/konstruct/server/problem"
)

const (
	// maxDepth bounds nesting, far below the limit of PostgreSQL's parser.
	maxDepth = 32
	// maxDigits bounds the plain decimal form of a number, in characters. PostgreSQL stores 1e131071 as 131,072 digits.
	maxDigits = 400
	// maxContainers bounds the memory of a body: an empty object or array takes about 400 bytes.
	maxContainers = 10_000
)

// jsonFormat is the only body format.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: writeJSON, Unmarshal: unmarshal}
}

// null replaces a null outside free objects and is rejected. Huma would treat it as an absent field.
type null struct{}

// unmarshal is called twice per body: for the tree that huma validates, which checks the body, and for the handler's
// type. Both match names exactly.
func unmarshal(data []byte, v any) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // allowed by RFC 8259, section 8.1
	tree, ok := v.(*any)
	if !ok {
		return jsonv2.Unmarshal(data, v)
	}
	value, err := parse(data)
	if err != nil {
		return err
	}
	markNulls(value)
	*tree = value
	return nil
}

// markNulls replaces the nulls in an object and in the objects of its lists, but not in free objects and secrets.
func markNulls(value any) {
	object, _ := value.(map[string]any)
	for name, field := range object {
		switch field := field.(type) {
		case nil:
			object[name] = null{}
		case []any:
			for _, item := range field {
				markNulls(item)
			}
		}
	}
}

// parse parses one JSON value strictly (I-JSON, RFC 7493): UTF-8, no lone surrogates, no repeated names. It returns
// [problem.BodyError]s, because errors of jsontext quote the input.
func parse(data []byte) (any, error) {
	p := parser{decoder: jsontext.NewDecoder(bytes.NewReader(data)), size: len(data)}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	if _, err := p.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, problem.BodyError{Rule: problem.RuleJSON}
	}
	return value, nil
}

// parser builds the tree that huma validates. Its numbers are floats for validation only and never stored.
type parser struct {
	decoder *jsontext.Decoder
	size    int // of the body with numbers in plain decimal form
	opened  int // objects and arrays
}

func (p *parser) value() (any, error) {
	token, err := p.decoder.ReadToken()
	if err != nil {
		return nil, syntaxError(err)
	}
	switch token.Kind() {
	case 'n':
		return nil, nil //nolint:nilnil // null
	case 't', 'f':
		return token.Bool(), nil
	case '"':
		return p.text(token)
	case '0':
		return p.number(token.String())
	case '{':
		return p.object()
	default:
		return p.array()
	}
}

func (p *parser) text(token jsontext.Token) (string, error) {
	text := token.String()
	if strings.ContainsRune(text, 0) {
		return "", p.broken(problem.RuleNUL) // PostgreSQL cannot store it
	}
	return text, nil
}

func (p *parser) number(text string) (float64, error) {
	digits := plainLength(text)
	if digits > maxDigits {
		return 0, p.broken(problem.RuleDigits)
	}
	if p.size += max(0, digits-len(text)); p.size >= bodyLimit {
		return 0, p.broken(problem.RuleSize)
	}
	value, _ := strconv.ParseFloat(text, 64) // out of range: infinite
	return min(max(value, -math.MaxFloat64), math.MaxFloat64), nil
}

func (p *parser) object() (map[string]any, error) {
	object := map[string]any{}
	if err := p.open(); err != nil {
		return nil, err
	}
	for p.decoder.PeekKind() != '}' {
		token, err := p.decoder.ReadToken()
		if err != nil {
			return nil, syntaxError(err)
		}
		name, err := p.text(token)
		if err != nil {
			return nil, err
		}
		if object[name], err = p.value(); err != nil {
			return nil, err
		}
	}
	_, err := p.decoder.ReadToken()
	return object, syntaxError(err)
}

func (p *parser) array() ([]any, error) {
	array := []any{}
	if err := p.open(); err != nil {
		return nil, err
	}
	for p.decoder.PeekKind() != ']' {
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		array = append(array, item)
	}
	_, err := p.decoder.ReadToken()
	return array, syntaxError(err)
}

func (p *parser) open() error {
	p.opened++
	switch {
	case p.decoder.StackDepth() > maxDepth:
		return p.broken(problem.RuleDepth)
	case p.opened > maxContainers:
		return p.broken(problem.RuleContainers)
	}
	return nil
}

func (p *parser) broken(rule problem.Rule) error {
	return problem.BodyError{Rule: rule, Pointer: string(p.decoder.StackPointer())}
}

// syntaxError reduces an error of jsontext to the rule and the position.
func syntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &syntax):
		return problem.BodyError{Rule: problem.RuleJSON}
	case errors.Is(err, jsontext.ErrDuplicateName):
		return problem.BodyError{Rule: problem.RuleRepeated, Pointer: string(syntax.JSONPointer)}
	}
	return problem.BodyError{Rule: problem.RuleJSON}
}

// plainLength returns the length of a JSON number in PostgreSQL's plain decimal form, such as 1500 for 1.5e3.
func plainLength(number string) int {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil || shift > 1e6 || shift < -1e6 {
			return math.MaxInt
		}
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	length := 1
	if significant := strings.TrimLeft(whole+fraction, "0"); significant != "" {
		length = max(1, len(significant)-len(fraction)+shift)
	}
	if scale := len(fraction) - shift; scale > 0 {
		length += 1 + scale
	}
	if negative {
		length++
	}
	return length
}

// FreeObject is a JSON object without a schema, stored as sent.
type FreeObject json.RawMessage

// MarshalJSON implements [json.Marshaler].
func (o FreeObject) MarshalJSON() ([]byte, error) { return o, nil }

// UnmarshalJSON implements [json.Unmarshaler].
func (o *FreeObject) UnmarshalJSON(data []byte) error {
	*o = bytes.Clone(data)
	return nil
}

// Schema implements [huma.SchemaProvider].
func (FreeObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// typed is a JSON value with the schema of T, stored as sent, including additional properties.
type typed[T any] struct{ json.RawMessage }

// Schema implements [huma.SchemaProvider].
func (typed[T]) Schema(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }

// rawOf returns the values as sent, or nil for nil.
func rawOf[T any](values []typed[T]) []json.RawMessage {
	if values == nil {
		return nil
	}
	raw := make([]json.RawMessage, len(values))
	for i, value := range values {
		raw[i] = value.RawMessage
	}
	return raw
}

func typedOf[T any](raw []json.RawMessage) []typed[T] {
	values := make([]typed[T], len(raw))
	for i, value := range raw {
		values[i] = typed[T]{value}
	}
	return values
}
