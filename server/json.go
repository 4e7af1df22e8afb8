package server

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The errors of decoding. They say what, and never repeat a byte: encoding/json quotes its input.
var (
	errNotJSON = errors.New("expected JSON")
	errTooDeep = errors.New("expected JSON of at most 32 levels")
	errNUL     = errors.New("expected text without the character U+0000")
)

// maxDepth bounds nesting: PostgreSQL's own parser gives up much later, with an error that is nobody's.
const maxDepth = 32

// jsonFormat is the only format that bodies have.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
}

// null stands for a null at the top of a body. Huma takes null for an optional field as if it were absent; here it is
// a value, and of no field's type, so that nobody believes to have removed something.
type null struct{}

// unmarshal is called twice for a body: for a tree to validate, and for the handler's own type.
func unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return errNotJSON
	}
	tree, ok := v.(*any)
	if !ok {
		return nil
	}
	if err := walk(*tree, 0); err != nil {
		return err
	}
	if object, ok := (*tree).(map[string]any); ok {
		for name, value := range object {
			if value == nil {
				object[name] = null{}
			}
		}
	}
	return nil
}

// walk finds what is valid JSON and can't be stored.
func walk(value any, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return errNUL
		}
	case []any:
		for _, item := range v {
			if err := walk(item, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		for name, item := range v {
			if strings.ContainsRune(name, 0) {
				return errNUL
			}
			if err := walk(item, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
