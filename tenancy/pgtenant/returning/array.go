package returning

import (
	"database/sql/driver"
	"encoding/hex"
	"reflect"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// uniform reports whether all values are the same.
func uniform(values []any) bool {
	switch first := values[0].(type) {
	case nil, string, bool, int, int64, time.Time, uuid.UUID:
	case driver.Valuer: // it may make another value each time
		return false
	default:
		if reflect.TypeOf(first).Kind() != reflect.String { // an enum
			return false
		}
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return false
		}
	}
	return true
}

// array returns a column's values as the argument for an array: a slice that pgx has a fast encoding for, or else
// the text of an array in PostgreSQL's own syntax.
func array(c column) (any, error) {
	if c.typ == field.TypeOther { // it may be an array itself, and PostgreSQL has none of arrays
		return nil, errUnusual
	}
	switch c.values[0].(type) {
	case uuid.UUID:
		return slice[uuid.UUID](c)
	case time.Time:
		return slice[time.Time](c)
	}
	return literal(c)
}

func slice[T any](c column) (any, error) {
	out := make([]T, len(c.values))
	for i, v := range c.values {
		t, ok := v.(T)
		if !ok { // a NULL
			return literal(c)
		}
		out[i] = t
	}
	return out, nil
}

// literal returns {…}, as https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT has it.
func literal(c column) (string, error) {
	b := []byte{'{'}
	for i, v := range c.values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendElement(b, c.typ, v); err != nil {
			return "", err
		}
	}
	return string(append(b, '}')), nil
}

func appendElement(b []byte, typ field.Type, v any) ([]byte, error) {
	if _, ok := v.(sql.ParamFormatter); ok { // SQL around the value
		return nil, errUnusual
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(v)
	if err != nil {
		return nil, errUnusual
	}
	switch v := v.(type) {
	case nil:
		return append(b, "NULL"...), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case []byte:
		if v == nil {
			return append(b, "NULL"...), nil
		}
		if typ != field.TypeBytes { // the driver decides what bytes are in the column of another type
			return nil, errUnusual
		}
		return append(hex.AppendEncode(append(b, `"\\x`...), v), '"'), nil
	case string:
		return appendQuoted(b, v), nil
	}
	return nil, errUnusual // a time: it depends on the column what becomes of its zone
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			return append(append(b, s...), '"')
		}
		b = append(append(b, s[:i]...), '\\', s[i])
		s = s[i+1:]
	}
}
